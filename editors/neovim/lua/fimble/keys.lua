-- The key maps, created only on request. Invariant: a key that has nothing to do does what it did before Fimble.
local config = require("fimble.config")

local M = {}

local function feed(keys, mode)
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, false, true), mode, false)
end

--- What the key did before: an earlier mapping, or the key itself.
local function fall_through(lhs, earlier)
  if not earlier or vim.tbl_isempty(earlier) then
    return feed(lhs, "in")
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

--- Maps keys in insert mode: `true` for the usual ones, or a table from actions to keys.
---@param keys boolean|table<string, string>
function M.map(keys)
  if keys == false then
    return
  end
  for action, lhs in pairs(keys == true and config.default_keys or keys) do
    local earlier = vim.fn.maparg(lhs, "i", false, true)
    -- After a second `setup` the earlier mapping is our own.
    if earlier.desc ~= "Fimble: " .. action then
      vim.keymap.set("i", lhs, function()
        if not require("fimble")[action]() then
          fall_through(lhs, earlier)
        end
      end, { desc = "Fimble: " .. action })
    end
  end
end

return M
