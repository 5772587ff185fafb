-- Texts that the server writes for the user, such as explanations, in scratch windows. Invariant: the cursor stays where
-- the user works; closing a window early cancels the work for it.
local message = require("fimble.message")

local M = {}

--- Documents that are not finished: the token of their work, once it is known, and whether the user has closed them. Every
--- server starts its names again.
local growing = {}

local function state_of(client_id, uri)
  local key = client_id .. " " .. uri
  growing[key] = growing[key] or {}
  return growing[key], key
end

--- Ends the work on a document that is not shown any more.
local function cancel_unseen(client_id, state)
  local client = vim.lsp.get_client_by_id(client_id)
  if client and state.is_closed and state.token then
    require("fimble.client").execute(client, "fimble.cancel", { token = state.token })
  end
end

--- Shows lines in a scratch window under this name, and returns the buffer.
---@param name string
---@param content string
---@param filetype string
---@return integer
function M.show(name, content, filetype)
  local bufnr = vim.fn.bufnr("^" .. vim.fn.escape(name, "*?[{\\^$.~") .. "$")
  if bufnr < 0 then
    bufnr = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_name(bufnr, name)
    vim.bo[bufnr].bufhidden = "wipe"
    vim.bo[bufnr].filetype = filetype
    vim.keymap.set("n", "q", "<Cmd>close<CR>", { buffer = bufnr, nowait = true, desc = "Close" })
  end
  vim.bo[bufnr].modifiable = true
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, vim.split((content:gsub("\n$", "")), "\r?\n"))
  vim.bo[bufnr].modifiable = false
  if vim.fn.bufwinid(bufnr) < 0 then
    local window = vim.api.nvim_open_win(bufnr, false, { split = "below", win = -1, height = 15 })
    vim.wo[window].wrap = true
    vim.wo[window].linebreak = true
    vim.wo[window].number = false
  end
  return bufnr
end

local function document(_, params, ctx)
  local uri = params.uri
  local state, key = state_of(ctx.client_id, uri)
  if params.done then
    growing[key] = nil
  end
  -- A window that the user has closed stays closed.
  if state.is_closed then
    return
  end
  local waiting = params.thinking and "*The model is thinking …*" or "*Waiting for the model …*"
  local text = (params.text == "" and not params.done) and waiting or params.text
  local bufnr = M.show(uri, text, params.languageId or "markdown")
  -- The answer with the token may come before the first text, or after it.
  if not state.is_watched then
    state.is_watched = true
    vim.api.nvim_create_autocmd("BufWipeout", {
      buffer = bufnr,
      once = true,
      callback = function()
        state.is_closed = true
        if growing[key] == state then
          cancel_unseen(ctx.client_id, state)
        end
      end,
    })
  end
end

M.handlers = {
  ["window/showMessage"] = function(_, params)
    message.tell(params.message, params.type)
  end,
  ["fimble/document"] = document,
  ["window/showDocument"] = function(err, params, ctx, ...)
    -- Ours is shown with its first text.
    if vim.startswith(params.uri, "fimble:") then
      return { success = true }
    end
    return vim.lsp.handlers["window/showDocument"](err, params, ctx, ...)
  end,
}

--- The range of a command in the protocol's form: the lines, or the cursor.
local function place(client, arguments)
  local text = require("fimble.text")
  local bufnr = vim.api.nvim_get_current_buf()
  local function position(row, column)
    return { line = row, character = text.to_character(text.line(bufnr, row), column, client.offset_encoding) }
  end
  local first, last = position(text.cursor())
  if arguments and arguments.range > 0 then
    local end_row = arguments.line2 - 1
    first, last = position(arguments.line1 - 1, 0), position(end_row, #text.line(bufnr, end_row))
  end
  return { textDocument = { uri = vim.uri_from_bufnr(bufnr) }, range = { start = first, ["end"] = last or first } }
end

--- Explains the selected lines, or the item at the cursor.
function M.explain(client, arguments)
  require("fimble.client").execute(client, "fimble.explain", place(client, arguments), function(err, answer)
    if err then
      return message.tell(err.message, vim.log.levels.WARN)
    end
    if answer then
      local state = state_of(client.id, answer.uri)
      state.token = answer.token
      cancel_unseen(client.id, state)
    end
  end)
end

--- Refactors a place as the user says.
local function refactor(client, target, instruction)
  local argument = vim.tbl_extend("force", target, { instruction = instruction })
  require("fimble.client").execute(client, "fimble.refactor", argument)
end

local function ask(client, target)
  vim.ui.input({ prompt = "Refactor: " }, function(instruction)
    if instruction and instruction ~= "" then
      refactor(client, target, instruction)
    end
  end)
end

--- Refactors the selected lines, or the item at the cursor; without an instruction the user is asked for one.
function M.refactor(client, arguments, instruction)
  local target = place(client, arguments)
  if instruction ~= "" then
    return refactor(client, target, instruction)
  end
  ask(client, target)
end

--- Commands that the server's code actions carry and the client runs.
M.commands = {
  ["fimble.refactor.ask"] = function(command, ctx)
    ask(assert(vim.lsp.get_client_by_id(ctx.client_id)), command.arguments[1])
  end,
}

return M
