-- The next edit: where to change what next. It is requested and shown in normal mode. Invariant: an edit is shown and applied only
-- for the version of the text that it was made for; applying is one step for undo; no key does anything here while none is shown.
local client_of = require("fimble.client")
local text = require("fimble.text")

local M = {}

local METHOD = "fimble/nextEdit"
local AUTOMATIC = 2
--- Milliseconds after a change, or after insert mode, before a request.
local DELAY = 150
--- Cells of one line of new text that are shown.
local MAX_CELLS = 120

local namespace = vim.api.nvim_create_namespace("fimble.next_edit")
--- The edit that is shown: `raw` as the server sent it, and its range in rows and bytes.
local shown
local timer, pending
--- Whether the cursor moves to another buffer because of the edit.
local is_jumping = false

local function is_normal()
  return vim.api.nvim_get_mode().mode == "n"
end

--- Whether the text is the one that the edit was made for.
local function is_current(edit)
  return vim.api.nvim_buf_is_loaded(edit.bufnr) and vim.lsp.util.buf_versions[edit.bufnr] == edit.raw.textDocument.version
end

--- Takes everything off the screen.
local function erase()
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    vim.api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

--- Whether a row of the current buffer is on the screen.
local function is_visible(row)
  return row + 1 >= vim.fn.line("w0") and row + 1 <= vim.fn.line("w$")
end

--- Draws the removed text struck through, and the new text behind it.
local function draw_change(edit)
  local old = table.concat(vim.api.nvim_buf_get_text(edit.bufnr, edit.row, edit.column, edit.end_row, edit.end_column, {}), "\n")
  local n_first, n_last = text.common(old, edit.text)
  local removed, added = old:sub(n_first + 1, #old - n_last), edit.text:sub(n_first + 1, #edit.text - n_last)
  local row, column = text.behind(edit.row, edit.column, old:sub(1, n_first))
  local end_row, end_column = text.behind(row, column, removed)
  if removed ~= "" then
    vim.api.nvim_buf_set_extmark(edit.bufnr, namespace, row, column, {
      end_row = end_row,
      end_col = end_column,
      hl_group = "FimbleRemoved",
    })
  end
  local lines = {}
  for line in vim.gsplit(added, "\n", { plain = true }) do
    local plain = line:gsub("\t", (" "):rep(vim.fn.shiftwidth()))
    table.insert(lines, { { vim.fn.strcharpart(plain, 0, MAX_CELLS), "FimbleAdded" } })
  end
  vim.api.nvim_buf_set_extmark(edit.bufnr, namespace, end_row, end_column, {
    virt_text = added ~= "" and lines[1] or nil,
    virt_lines = { unpack(lines, 2) },
    virt_text_pos = "inline",
    -- Combined with the text before it, it would be struck through as well.
    hl_mode = "replace",
  })
end

--- Draws a hint at the end of a row: where the edit is, or that it is here.
local function draw_hint(bufnr, row, words)
  vim.api.nvim_buf_set_extmark(bufnr, namespace, row, 0, {
    virt_text = { { "  ⇥" .. words, "FimbleHint" } },
    virt_text_pos = "eol",
    hl_mode = "combine",
  })
end

local function draw()
  erase()
  if not shown or not is_normal() then
    return
  end
  if not is_current(shown) then
    shown = nil
    return
  end
  local bufnr, cursor_row = vim.api.nvim_get_current_buf(), (text.cursor())
  if bufnr ~= shown.bufnr then
    local name = vim.fs.basename(vim.api.nvim_buf_get_name(shown.bufnr))
    return draw_hint(bufnr, cursor_row, (" %s:%d"):format(name, shown.row + 1))
  end
  draw_change(shown)
  if is_visible(shown.row) then
    draw_hint(bufnr, shown.row, "")
  else
    draw_hint(bufnr, cursor_row, (" line %d %s"):format(shown.row + 1, shown.row < cursor_row and "↑" or "↓"))
  end
end

--- Drops the edit and the pending request.
local function clear()
  shown = nil
  if pending then
    client_of.cancel(pending.client, pending.id)
    pending = nil
  end
  if timer then
    timer:stop()
  end
  erase()
end

--- An edit as it came, with its range in rows and bytes; none if it is for another text than the editor's.
local function edit_of(client, raw)
  local bufnr = vim.uri_to_bufnr(raw.textDocument.uri)
  local edit = { client = client, bufnr = bufnr, raw = raw, text = raw.text:gsub("\r\n", "\n") }
  if not is_current(edit) then
    return nil
  end
  local first, last = raw.range.start, raw.range["end"]
  edit.row, edit.end_row = first.line, last.line
  edit.column = text.to_byte(text.line(bufnr, first.line), first.character, client.offset_encoding)
  edit.end_column = text.to_byte(text.line(bufnr, last.line), last.character, client.offset_encoding)
  if last.line >= vim.api.nvim_buf_line_count(bufnr) then
    -- The protocol's end of the text is behind the last line break.
    edit.end_row = vim.api.nvim_buf_line_count(bufnr) - 1
    edit.end_column = #text.line(bufnr, edit.end_row)
    edit.text = edit.text:gsub("\n$", "")
  end
  return edit
end

local function ask()
  local bufnr = vim.api.nvim_get_current_buf()
  local client = client_of.of(bufnr)
  if not client or vim.b[bufnr].fimble_off or not is_normal() then
    return
  end
  clear()
  local row, column = text.cursor()
  local params = {
    textDocument = { uri = vim.uri_from_bufnr(bufnr), version = vim.lsp.util.buf_versions[bufnr] },
    position = { line = row, character = text.to_character(text.line(bufnr, row), column, client.offset_encoding) },
    -- In normal mode no word is being typed, and no suggestion is shown.
    context = { triggerKind = AUTOMATIC, atRest = true, completionShown = false },
  }
  local question = { client = client }
  local is_sent, id = client_of.request(client, METHOD, params, function(err, result)
    if pending ~= question then
      return
    end
    pending = nil
    local raw = not err and result and result.edits and result.edits[1]
    if raw and is_normal() and bufnr == vim.api.nvim_get_current_buf() then
      shown = edit_of(client, raw)
      draw()
      if shown then
        client_of.notify(client, "textDocument/didShowInlineEdit", { item = raw })
      end
    end
  end, bufnr)
  question.id = id
  pending = is_sent and question or nil
end

local function ask_soon()
  clear()
  timer = timer or assert(vim.uv.new_timer())
  timer:start(DELAY, 0, vim.schedule_wrap(ask))
end

--- Whether the cursor is where the edit is.
local function is_at(edit)
  local row = text.cursor()
  return vim.api.nvim_get_current_buf() == edit.bufnr and row >= edit.row and row <= edit.end_row
end

local function jump(edit)
  vim.cmd.normal({ "m'", bang = true })
  is_jumping = true
  vim.api.nvim_set_current_buf(edit.bufnr)
  is_jumping = false
  vim.api.nvim_win_set_cursor(0, { edit.row + 1, edit.column })
  draw()
end

local function apply(edit)
  clear()
  -- What was changed before can be undone without it, and it without that.
  vim.bo[edit.bufnr].undolevels = vim.bo[edit.bufnr].undolevels
  local lines = vim.split(edit.text, "\n", { plain = true })
  vim.api.nvim_buf_set_text(edit.bufnr, edit.row, edit.column, edit.end_row, edit.end_column, lines)
  local row, column = text.behind(edit.row, edit.column, edit.text)
  vim.api.nvim_win_set_cursor(0, { row + 1, math.max(0, column - 1) })
  local command = edit.raw.command
  client_of.execute(edit.client, command.command, command.arguments[1])
end

--- Jumps to the edit, or applies it if the cursor is there.
---@return boolean # false if none is shown
function M.go()
  local edit = shown
  if not edit or not is_normal() or not is_current(edit) then
    clear()
    return false
  end
  if is_at(edit) then
    apply(edit)
  else
    jump(edit)
  end
  return true
end

--- Hides the edit, and says so to the server.
---@return boolean # false if none is shown
function M.dismiss()
  local edit = shown
  if not edit then
    return false
  end
  clear()
  client_of.notify(edit.client, "fimble/didDismissNextEdit", { item = edit.raw })
  return true
end

--- The edit that is shown: its buffer, its row, and the new text.
---@return { bufnr: integer, row: integer, text: string }?
function M.shown()
  return shown and { bufnr = shown.bufnr, row = shown.row, text = shown.text }
end

local function define_colours()
  local removed = vim.api.nvim_get_hl(0, { name = "DiffDelete", link = false })
  local look = { bg = removed.bg, ctermbg = removed.ctermbg, strikethrough = true, default = true }
  vim.api.nvim_set_hl(0, "FimbleRemoved", look)
  vim.api.nvim_set_hl(0, "FimbleAdded", { link = "DiffAdd", default = true })
end

--- Follows changes from now on, or no longer.
---@param is_on boolean
function M.start(is_on)
  local group = vim.api.nvim_create_augroup("fimble.next_edit", {})
  clear()
  if not is_on then
    return
  end
  define_colours()
  vim.api.nvim_create_autocmd("ColorScheme", { group = group, callback = define_colours })
  vim.api.nvim_create_autocmd({ "InsertLeave", "TextChanged" }, { group = group, callback = ask_soon })
  vim.api.nvim_create_autocmd({ "InsertEnter" }, { group = group, callback = clear })
  vim.api.nvim_create_autocmd("BufLeave", {
    group = group,
    callback = function()
      if not is_jumping then
        clear()
      end
    end,
  })
  vim.api.nvim_create_autocmd({ "CursorMoved", "WinScrolled" }, {
    group = group,
    callback = function()
      if shown then
        draw()
      end
    end,
  })
end

return M
