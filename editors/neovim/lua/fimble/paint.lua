-- Draws a suggestion with extmarks. Invariant: the buffer's text is never touched.
local text = require("fimble.text")

local M = {}

local namespace = vim.api.nvim_create_namespace("fimble")
local drawn_in

--- Defines how it looks: as the editor's own, or as a comment.
function M.start(group)
  local function define()
    local has_own = vim.fn.hlexists("ComplHint") == 1
    vim.api.nvim_set_hl(0, "FimbleGhost", { link = has_own and "ComplHint" or "NonText", default = true })
    vim.api.nvim_set_hl(0, "FimbleHint", { link = has_own and "ComplHintMore" or "MoreMsg", default = true })
  end
  define()
  vim.api.nvim_create_autocmd("ColorScheme", { group = group, callback = define })
end

--- Takes it away.
function M.clear()
  if drawn_in and vim.api.nvim_buf_is_valid(drawn_in) then
    vim.api.nvim_buf_clear_namespace(drawn_in, namespace, 0, -1)
  end
  drawn_in = nil
end

--- Draws the text to insert at the cursor instead of `n_replaced` bytes after it.
function M.show(bufnr, rest, n_replaced, hint)
  local row, column = text.cursor()
  local replaced = text.line(bufnr, row):sub(column + 1, column + n_replaced)
  local position = "inline"
  if replaced ~= "" then
    if vim.endswith(rest, replaced) and not rest:find("\n", 1, true) then
      -- Text that is there already stays: a closing bracket is not drawn twice.
      rest = rest:sub(1, #rest - #replaced)
    else
      position = "overlay"
    end
  end
  local lines = {}
  for line in vim.gsplit(rest, "\n", { plain = true }) do
    table.insert(lines, { { line:gsub("\t", (" "):rep(vim.fn.shiftwidth())), "FimbleGhost" } })
  end
  if hint then
    table.insert(lines[#lines], { " " .. hint, "FimbleHint" })
  end
  vim.api.nvim_buf_set_extmark(bufnr, namespace, row, column, {
    virt_text = lines[1],
    virt_lines = { unpack(lines, 2) },
    virt_text_pos = position,
    hl_mode = "combine",
  })
  drawn_in = bufnr
end

return M
