-- Messages to the user. Invariant: no message, however long, makes the user press a key before they can continue.
local M = {}

local warned = {}

--- Whether the editor itself shows messages, and not a plugin that has taken them over.
local function is_plain()
  local source = debug.getinfo(vim.notify, "S").source
  -- What is built into the editor has no file, or one by a relative name.
  return source == "?" or vim.startswith(source, "@vim/")
end

--- Lines that messages have taken since the cursor moved last, and the height of the command line before.
local n_lines, height = 0, nil

--- Makes room for a message of so many cells, until the cursor moves: the editor would ask for a key otherwise.
function M.make_room(width)
  if not is_plain() then
    return
  end
  -- Pending keys are shown at the end of the last line.
  n_lines = n_lines + math.ceil((width + 12) / vim.o.columns)
  height = height or vim.o.cmdheight
  vim.o.cmdheight = math.max(height, math.min(n_lines, math.floor(vim.o.lines / 2)))
  vim.api.nvim_create_autocmd({ "CursorMoved", "CursorMovedI", "InsertEnter", "CmdlineEnter" }, {
    group = vim.api.nvim_create_augroup("fimble.room", {}),
    once = true,
    callback = function()
      vim.api.nvim_create_augroup("fimble.room", {})
      n_lines, vim.o.cmdheight, height = 0, height or vim.o.cmdheight, nil
    end,
  })
end

--- Shows a message. While the editor starts, messages wait.
---@param text string
---@param level? integer
function M.tell(text, level)
  if vim.v.vim_did_enter == 0 then
    vim.api.nvim_create_autocmd("VimEnter", {
      once = true,
      callback = vim.schedule_wrap(function()
        M.tell(text, level)
      end),
    })
    return
  end
  text = "Fimble: " .. text:gsub("^Fimble: ", "")
  M.make_room(vim.fn.strdisplaywidth(text))
  vim.notify(text, level or vim.log.levels.INFO)
end

--- Shows how far something is, in one line that no history keeps; nothing takes it away.
---@param text? string
function M.progress(text)
  local shown = text and "Fimble: " .. text or ""
  -- A line that is full would ask for a key.
  local room = vim.o.columns - 12
  if vim.fn.strdisplaywidth(shown) > room then
    shown = vim.fn.strcharpart(shown, 0, room - 1) .. "…"
  end
  vim.api.nvim_echo({ { shown } }, false, {})
  -- Long enough for messages, short enough that no key has to be pressed.
  vim.cmd.redraw()
end

--- Warns the user, once.
function M.warn_once(text)
  if not warned[text] then
    warned[text] = true
    M.tell(text, vim.log.levels.WARN)
  end
end

--- Shows a warning again that was shown before.
function M.forget()
  warned = {}
end

return M
