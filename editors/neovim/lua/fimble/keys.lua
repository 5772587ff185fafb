-- The key maps, created only on request. Invariant: a key that has nothing to do does what it did before Fimble.
local config = require("fimble.config")

local M = {}

local function feed(keys, mode)
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, false, true), mode, false)
end

--- What the key did before: an earlier mapping, or the key itself.
local function fall_through(lhs, earlier)
  if not earlier or vim.tbl_isempty(earlier) then
    return feed((vim.v.count > 0 and vim.v.count or "") .. lhs, "in")
  end
  local mode = earlier.noremap == 1 and "in" or "im"
  if earlier.callback then
    local result = earlier.callback()
    if earlier.expr == 1 and type(result) == "string" and result ~= "" then
      feed(result, mode)
    end
  elseif earlier.rhs then
    feed(earlier.expr == 1 and vim.api.nvim_eval(earlier.rhs) or earlier.rhs, mode)
  end
end

--- Maps keys of one mode, from actions to keys.
local function map(mode, keys)
  for action, lhs in pairs(keys) do
    local earlier = vim.fn.maparg(lhs, mode, false, true)
    -- After a second `setup` the earlier mapping is our own.
    if earlier.desc ~= "Fimble: " .. action then
      vim.keymap.set(mode, lhs, function()
        if not require("fimble")[action]() then
          fall_through(lhs, earlier)
        end
      end, { desc = "Fimble: " .. action })
    end
  end
end

--- Maps keys: `true` for the usual ones, or a table from actions to keys. Actions of next edits are for normal mode, all
--- others for insert mode.
---@param keys boolean|table<string, string>
---@param next_edit boolean whether next edits are shown
function M.map(keys, next_edit)
  if keys == false then
    return
  end
  local usual = vim.tbl_extend("error", config.default_keys, next_edit and config.next_edit_keys or {})
  local by_mode = { i = {}, n = {} }
  for action, lhs in pairs(keys == true and usual or keys) do
    by_mode[config.next_edit_keys[action] and "n" or "i"][action] = lhs
  end
  map("i", by_mode.i)
  map("n", by_mode.n)
end

return M
