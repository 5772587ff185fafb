-- The suggestion at the cursor, its remaining text, and the effects of keys on it. In Neovim 0.12 the editor requests
-- and draws it (editor.lua), elsewhere this file does. Invariant: the drawn text is the text that accepting inserts; text that
-- disagrees with what was typed is never shown; nothing is shown outside of insert mode.
local client_of = require("fimble.client")
local config = require("fimble.config")
local editor = require("fimble.editor")
local menu = require("fimble.menu")
local paint = require("fimble.paint")
local text = require("fimble.text")

local M = {}

local METHOD = "textDocument/inlineCompletion"
local INVOKED, AUTOMATIC = 1, 2

--- The last answer. `is_ours`: drawn by us, also where the editor draws others.
local state
local timer, pending, asked
--- Number of the last question, the editor's and ours. The editor does not withdraw older ones.
local n_questions = 0
--- Whether the request that is being sent is ours and not the editor's.
local is_asking = false
--- The place of an explicit request: no automatic request replaces its answer there.
local by_hand

local function is_inserting()
  return vim.api.nvim_get_mode().mode:sub(1, 1) == "i"
end

--- Whether the menu takes the place of suggestions.
local function is_covered()
  return config.current.menu == "hide" and menu.is_open()
end

--- What is left to insert at the cursor, and how much of the line after the cursor it replaces; none if it does not fit.
local function remaining()
  if not state or not is_inserting() or vim.api.nvim_get_current_buf() ~= state.bufnr then
    return nil
  end
  local item = state.items[state.index]
  local row, column = text.cursor()
  local after = text.line(state.bufnr, row):sub(column + 1)
  local rest = after == state.after and text.rest(state.bufnr, item.text, item.row, item.column, row, column)
  return rest or nil, item.n_replaced
end

local function draw()
  paint.clear()
  local rest, n_replaced = remaining()
  if not rest then
    state = nil
  end
  local is_hidden = not rest or is_covered()
  if is_hidden or state.is_ours then
    editor.hide(vim.api.nvim_get_current_buf())
    if state then
      -- The plugin shows again what it removed from the screen.
      state.is_ours = true
    end
  end
  if not is_hidden and state.is_ours then
    local hint = state.is_cycled and ("(%d/%d)"):format(state.index, #state.items) or nil
    paint.show(state.bufnr, rest, n_replaced, hint)
  end
end

--- The cursor in the text as it is.
local function here()
  return table.concat({ vim.api.nvim_get_current_buf(), vim.b.changedtick, unpack(vim.api.nvim_win_get_cursor(0)) }, " ")
end

--- Drops the suggestion and the pending request: its answer is ignored.
local function clear()
  state, by_hand = nil, nil
  n_questions = n_questions + 1
  if pending then
    client_of.cancel(pending.client, pending.id)
    pending = nil
  end
  if timer then
    timer:stop()
  end
  draw()
end

--- An item as it came, with line breaks as buffers have them.
local function item_of(raw, bufnr, position, encoding)
  local row = raw.range and raw.range.start.line or position.line
  local line = text.line(bufnr, row)
  local first = raw.range and raw.range.start.character or position.character
  local last = raw.range and raw.range["end"].character or position.character
  local cursor = text.to_byte(line, position.character, encoding)
  return {
    text = raw.insertText,
    row = row,
    column = text.to_byte(line, first, encoding),
    n_replaced = math.max(0, text.to_byte(line, last, encoding) - cursor),
    command = raw.command,
  }
end

--- Takes an answer to any request. Returns whether it is to be shown.
local function take(client, bufnr, params, result, is_our_question, before)
  local items = result and (result.items or result) or {}
  local is_invoked = params.context.triggerKind == INVOKED
  if bufnr ~= vim.api.nvim_get_current_buf() or not is_inserting() then
    return false
  end
  for _, raw in ipairs(items) do
    raw.insertText = type(raw.insertText) == "table" and raw.insertText.value or raw.insertText
    raw.insertText = raw.insertText:gsub("\r\n", "\n")
  end
  state = nil
  local at = params.position
  local line = text.line(bufnr, at.line)
  -- Where the text before the place has changed, the answer is for an old text.
  if items[1] and vim.startswith(line, before) then
    state = {
      client = client,
      bufnr = bufnr,
      index = 1,
      after = line:sub(text.to_byte(line, at.character, client.offset_encoding) + 1),
      is_ours = is_our_question or is_covered(),
      is_cycled = is_invoked and #items > 1,
      items = vim.tbl_map(function(raw)
        return item_of(raw, bufnr, at, client.offset_encoding)
      end, items),
    }
  end
  local is_fitting = remaining() ~= nil
  draw()
  return is_fitting and not state.is_ours
end

--- Asks the server of the current buffer.
local function ask(kind)
  local bufnr = vim.api.nvim_get_current_buf()
  local client = client_of.of(bufnr)
  if not client or vim.b[bufnr].fimble_off or not is_inserting() or (kind == AUTOMATIC and by_hand == here()) then
    return false
  end
  by_hand = kind == INVOKED and here() or nil
  local row, column = text.cursor()
  local line = text.line(bufnr, row)
  if pending then
    client_of.cancel(pending.client, pending.id)
  end
  local params = {
    textDocument = { uri = vim.uri_from_bufnr(bufnr) },
    position = { line = row, character = text.to_character(line, column, client.offset_encoding) },
    context = { triggerKind = kind },
  }
  local question = { client = client }
  is_asking = true
  local is_sent, id = client_of.request(client, METHOD, params, function()
    if pending == question then
      pending = nil
    end
  end, bufnr)
  is_asking = false
  question.id = id
  pending = is_sent and question or nil
  return is_sent
end

--- The cursor moved, or the text changed.
local function moved()
  draw()
  local place = here()
  by_hand = by_hand == place and place or nil
  if config.is_editor_showing() or state or place == asked or is_covered() then
    return
  end
  asked = place
  timer = timer or assert(vim.uv.new_timer())
  timer:start(config.current.delay, 0, vim.schedule_wrap(function()
    if not state then
      ask(AUTOMATIC)
    end
  end))
end

--- Prepares a server: every answer to the editor or to us passes through here.
function M.prepare(client)
  local request = client.request
  client.request = function(...)
    -- Since 0.11 the client itself comes first.
    local arguments = { ... }
    local first = type(arguments[1]) == "table" and 2 or 1
    local method, params, handler = arguments[first], arguments[first + 1], arguments[first + 2]
    if method ~= METHOD then
      return request(...)
    end
    local bufnr = vim._resolve_bufnr and vim._resolve_bufnr(arguments[first + 3]) or arguments[first + 3]
    if vim.b[bufnr].fimble_off or (not is_asking and by_hand == here()) then
      return false
    end
    n_questions = n_questions + 1
    local question, is_our_question = n_questions, is_asking
    local line = text.line(bufnr, params.position.line)
    local before = line:sub(1, text.to_byte(line, params.position.character, client.offset_encoding))
    arguments[first + 2] = function(err, result, ...)
      -- The answer to an older question says nothing about what is drawn; for the editor, no list means just that.
      if err or question ~= n_questions then
        return handler(err, nil, ...)
      end
      local is_shown = take(client, bufnr, params, result, is_our_question, before)
      return handler(nil, is_shown and result or { items = {} }, ...)
    end
    return request(unpack(arguments, 1, first + 3))
  end
end

--- Inserts a part of the suggestion; the rest stays.
local function insert(part)
  local rest, n_replaced = remaining()
  if not rest then
    return
  end
  local piece = text.piece(rest, part)
  local is_all = piece == rest
  local taken, row, column = state, text.cursor()
  -- What was typed before can be undone without it, and it without that.
  vim.bo.undolevels = vim.bo.undolevels
  local lines = vim.split(piece, "\n", { plain = true })
  vim.api.nvim_buf_set_text(taken.bufnr, row, column, row, column + (is_all and n_replaced or 0), lines)
  local end_column = #lines[#lines] + (#lines == 1 and column or 0)
  vim.api.nvim_win_set_cursor(0, { row + #lines, end_column })
  if is_all then
    state = nil
    local command = taken.items[taken.index].command
    if command then
      client_of.execute(taken.client, command.command, (command.arguments or {})[1])
    end
  else
    -- The editor has let it go: until it asks again the rest is ours to draw.
    taken.is_ours = true
    state = taken
    state.after = text.line(state.bufnr, row + #lines - 1):sub(end_column + 1)
  end
  draw()
end

--- Does something with what is shown, and returns whether anything is.
local function act(what)
  if not remaining() or is_covered() then
    return false
  end
  -- The editor lets its own go first, a moment later.
  if state.is_ours or not editor.release(state.bufnr, what) then
    what()
  end
  return true
end

--- Inserts a part of the suggestion: "all", "line" or "word". Returns whether there is one.
function M.accept(part)
  return act(function()
    insert(part)
  end)
end

--- Hides the suggestion, and says so to the server, which keeps it away.
function M.dismiss()
  return act(function()
    if not state then
      return
    end
    local row, column = text.cursor()
    local character = text.to_character(text.line(state.bufnr, row), column, state.client.offset_encoding)
    client_of.execute(state.client, "fimble.dismissed", {
      textDocument = { uri = vim.uri_from_bufnr(state.bufnr) },
      position = { line = row, character = character },
    })
    clear()
  end)
end

--- The server is ready, or has opened the buffer: a request for the text typed before is sent.
function M.refresh()
  if not state and not is_covered() then
    ask(AUTOMATIC)
  end
end

--- The rest of what is shown for this version of a document is known by now.
function M.extend(document)
  local bufnr = vim.api.nvim_get_current_buf()
  local is_here = document.uri == vim.uri_from_bufnr(bufnr) and document.version == vim.lsp.util.buf_versions[bufnr]
  if is_here and state and not is_covered() then
    -- An explicit request is continued by the plugin.
    by_hand = nil
    ask(AUTOMATIC)
  end
end

--- Suggestions were switched off or on: the shown suggestion is removed, and requested again.
function M.renew()
  clear()
  M.refresh()
end

--- Asks now.
function M.complete()
  return is_inserting() and ask(INVOKED)
end

--- Shows another alternative; asks for some if there is one only.
function M.cycle(step)
  if not state or #state.items < 2 then
    return M.complete()
  end
  state.index = (state.index - 1 + step) % #state.items + 1
  state.is_ours, state.is_cycled = true, true
  draw()
  return true
end

--- What is suggested at the cursor.
function M.shown()
  local rest = remaining()
  return rest and not is_covered() and rest or nil
end

--- Follows the cursor from now on.
function M.start()
  local group = vim.api.nvim_create_augroup("fimble.ghost", {})
  paint.start(group)
  vim.api.nvim_create_autocmd({ "InsertEnter", "CursorMovedI", "TextChangedI", "TextChangedP" }, {
    group = group,
    -- The editor draws its own in the same event.
    callback = vim.schedule_wrap(function()
      if is_inserting() then
        moved()
      end
    end),
  })
  vim.api.nvim_create_autocmd({ "InsertLeave", "BufLeave" }, {
    group = group,
    callback = function()
      asked = nil
      clear()
    end,
  })
  menu.watch(group, function()
    if is_inserting() then
      moved()
    end
  end)
end

return M
