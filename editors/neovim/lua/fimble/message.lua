-- Messages to the user. Must hold: none makes the user press a key before they can go on, however long it is.
local M = {}

local told = {}

--- Whether the editor itself shows messages, and not a plugin that has taken them over.
local function is_plain()
  local source = debug.getinfo(vim.notify, "S").source
  -- What is built into the editor has no file, or one by a relative name.
  return source == "?" or vim.startswith(source, "@vim/")
end

--- Makes room for a message of so many cells, until the cursor moves: the editor would ask for a key otherwise.
function M.make_room(width)
  -- Pending keys are shown at the end of the last line.
  local needed = math.ceil((width + 12) / vim.o.columns)
  if needed <= vim.o.cmdheight or not is_plain() then
    return
  end
  local before = M.height or vim.o.cmdheight
  M.height = before
  vim.o.cmdheight = math.min(needed, math.floor(vim.o.lines / 2))
  vim.api.nvim_create_autocmd({ "CursorMoved", "CursorMovedI", "InsertEnter", "CmdlineEnter" }, {
    group = vim.api.nvim_create_augroup("fimble.room", {}),
    once = true,
    callback = function()
      vim.o.cmdheight, M.height = before, nil
      vim.api.nvim_create_augroup("fimble.room", {})
    end,
  })
end

--- Tells the user something.
---@param text string
---@param level? integer
function M.tell(text, level)
  text = "Fimble: " .. text:gsub("^Fimble: ", "")
  M.make_room(vim.fn.strdisplaywidth(text))
  vim.notify(text, level or vim.log.levels.INFO)
end

--- Warns the user, once.
function M.warn_once(text)
  if not told[text] then
    told[text] = true
    M.tell(text, vim.log.levels.WARN)
  end
end

--- Warns again of what was told before.
function M.forget()
  told = {}
end

return M
