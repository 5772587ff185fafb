-- The editor's own inline completion (Neovim 0.12). Invariant: does nothing where there is none.
local M = {}

local function inline_completion()
  return require("fimble.config").is_editor_showing() and vim.lsp.inline_completion or nil
end

--- Lets the editor ask about a buffer and draw suggestions in it.
function M.enable(bufnr)
  local inline = inline_completion()
  if inline then
    inline.enable(true, { bufnr = bufnr })
  end
end

--- Takes what the editor has drawn off the screen. It keeps drawing a suggestion while other text is typed.
function M.hide(bufnr)
  local namespace = vim.api.nvim_get_namespaces()["nvim.lsp.inline_completion"]
  if namespace and inline_completion() then
    vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

--- Lets the editor forget its suggestion, calls back then, and returns whether it had one.
function M.release(bufnr, callback)
  local inline = inline_completion()
  return inline ~= nil and inline.get({ bufnr = bufnr, on_accept = function()
    callback()
  end })
end

return M
