-- The state of the servers, for the status line: each server reports every change. Invariant: drawing a line sends no request.
local M = { by_client = {} }

local words = { ready = "fimble", loading = "fimble …", idle = "fimble …", disabled = "fimble off", failed = "fimble !" }

M.handlers = {
  ["fimble/status"] = function(_, status, ctx)
    local was = M.by_client[ctx.client_id]
    local now = { state = status.state, is_remote = status.remote == true }
    M.by_client[ctx.client_id] = now
    if not vim.deep_equal(was, now) then
      vim.cmd.redrawstatus({ bang = true })
    end
    if now.state == "ready" and (not was or was.state ~= "ready") then
      require("fimble.ghost").refresh()
    end
  end,
  ["fimble/inlineCompletionRefresh"] = function(_, params)
    require("fimble.ghost").extend(params.textDocument)
  end,
}

--- The server has ended.
function M.forget(client_id)
  M.by_client[client_id] = nil
end

--- The state as a word or two. It says if code goes to another machine.
---@return string
function M.line()
  local client = require("fimble.client").of(vim.api.nvim_get_current_buf())
  if not client then
    return ""
  end
  if vim.b.fimble_off then
    return words.disabled
  end
  local known = M.by_client[client.id] or { state = "loading" }
  return (words[known.state] or "fimble !") .. (known.is_remote and " (remote)" or "")
end

return M
