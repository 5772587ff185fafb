-- The state of the server, for the status line. Must hold: drawing a line asks nobody.
local M = { by_client = {} }

local words = { ready = "fimble", loading = "fimble …", idle = "fimble …", disabled = "fimble off", failed = "fimble !" }

--- Asks a server how it is, again while it loads its model.
---@param client vim.lsp.Client
function M.ask(client)
  require("fimble.client").execute(client, "fimble.status", {}, function(_, status)
    if not status then
      return
    end
    if M.by_client[client.id] ~= status.state then
      M.by_client[client.id] = status.state
      vim.cmd.redrawstatus({ bang = true })
      if status.state == "ready" then
        require("fimble.ghost").refresh()
      end
    end
    if (status.state == "loading" or status.state == "idle") and not client.is_stopped(client) then
      vim.defer_fn(function()
        M.ask(client)
      end, 300)
    end
  end)
end

--- The server is gone.
function M.forget(client_id)
  M.by_client[client_id] = nil
end

--- The state as a word or two.
---@return string
function M.line()
  local client = vim.lsp.get_clients({ bufnr = vim.api.nvim_get_current_buf(), name = "fimble" })[1]
  if not client then
    return ""
  end
  if vim.b.fimble_off then
    return words.disabled
  end
  return words[M.by_client[client.id] or "loading"] or "fimble !"
end

return M
