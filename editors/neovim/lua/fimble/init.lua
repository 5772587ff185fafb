-- Functions for users. Invariant: it loads in any Neovim; in one that is too old it only shows a message, once.
local M = {}

--- Version of the plugin; the server's must be the same.
M.version = "0.1.0"

--- Starts Fimble. All options are optional: see `:help fimble-options`.
---@param options? table
function M.setup(options)
  if vim.fn.has("nvim-0.10") == 0 then
    -- Told once the editor has started: before, it would ask for a key.
    if vim.v.vim_did_enter == 1 then
      return M.tell_too_old()
    end
    vim.cmd([[autocmd VimEnter * ++once lua vim.schedule(require("fimble").tell_too_old)]])
    return
  end
  local config = require("fimble.config").set(options)
  require("fimble.ghost").start(config)
  require("fimble.next_edit").start(config.next_edit)
  require("fimble.keys").map(config.keys, config.next_edit)
  require("fimble.client").start(config)
end

--- Says what to do about a Neovim that is too old.
function M.tell_too_old()
  local text = "Fimble needs Neovim 0.10 or newer. Update Neovim, or remove Fimble."
  vim.api.nvim_echo({ { text, "WarningMsg" } }, true, {})
end

--- Inserts the whole suggestion.
---@return boolean # false if none is shown
function M.accept()
  return require("fimble.ghost").accept("all")
end

--- Inserts the suggestion's next word.
---@return boolean # false if none is shown
function M.accept_word()
  return require("fimble.ghost").accept("word")
end

--- Inserts the suggestion up to the end of its line.
---@return boolean # false if none is shown
function M.accept_line()
  return require("fimble.ghost").accept("line")
end

--- Hides the suggestion; none comes at this place until the text around it changes.
---@return boolean # false if none is shown
function M.dismiss()
  return require("fimble.ghost").dismiss()
end

--- Shows the next alternative; asks for alternatives if there is only one.
---@return boolean # false outside of insert mode
function M.next()
  return require("fimble.ghost").cycle(1)
end

--- Shows the previous alternative; asks for alternatives if there is only one.
---@return boolean # false outside of insert mode
function M.previous()
  return require("fimble.ghost").cycle(-1)
end

--- Asks for a suggestion now, also where one was dismissed.
---@return boolean # false outside of insert mode
function M.complete()
  return require("fimble.ghost").complete()
end

--- Jumps to the next edit; where the cursor is there, applies it.
---@return boolean # false if none is shown
function M.next_edit()
  return require("fimble.next_edit").go()
end

--- Hides the next edit, and says so to the server, which shows fewer of its kind.
---@return boolean # false if none is shown
function M.dismiss_next_edit()
  return require("fimble.next_edit").dismiss()
end

--- The text that is suggested at the cursor, if any.
---@return string?
function M.shown()
  return require("fimble.ghost").shown()
end

--- Fimble's state for the status line: empty in buffers that it does not serve.
---@return string
function M.statusline()
  return require("fimble.status").line()
end

return M
