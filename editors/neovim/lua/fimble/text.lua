-- Texts, places and pieces of suggestions. Rows and columns are from 0, columns in bytes. Invariant: pure, apart from
-- reading a buffer.
local M = {}

local has_encodings = vim.fn.has("nvim-0.11") == 1

--- Byte of a character as the server counts, clamped to the line.
function M.to_byte(line, character, encoding)
  if encoding == "utf-8" then
    return math.min(character, #line)
  end
  if has_encodings then
    return vim.str_byteindex(line, encoding, character, false)
  end
  local is_good, byte = pcall(vim.str_byteindex, line, character, encoding == "utf-16")
  return is_good and byte or #line
end

--- Character as the server counts, of a byte.
function M.to_character(line, byte, encoding)
  if encoding == "utf-8" then
    return byte
  end
  if has_encodings then
    return vim.str_utfindex(line, encoding, byte, false)
  end
  local utf32, utf16 = vim.str_utfindex(line, math.min(byte, #line))
  return encoding == "utf-16" and utf16 or utf32
end

--- The cursor.
---@return integer, integer
function M.cursor()
  local at = vim.api.nvim_win_get_cursor(0)
  return at[1] - 1, at[2]
end

--- One line of a buffer.
function M.line(bufnr, row)
  return vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ""
end

--- What is left of `text`, that starts at a place, when the cursor is elsewhere: none if something else was typed.
---@return string?
function M.rest(bufnr, text, start_row, start_column, row, column)
  if row < start_row or (row == start_row and column < start_column) then
    return nil
  end
  if row - start_row > select(2, text:gsub("\n", "")) or #M.line(bufnr, start_row) < start_column then
    return nil
  end
  local typed = vim.api.nvim_buf_get_text(bufnr, start_row, start_column, row, column, {})
  local so_far = table.concat(typed, "\n")
  if not vim.startswith(text, so_far) or so_far == text then
    return nil
  end
  return text:sub(#so_far + 1)
end

--- How many bytes two texts have in common at the start, and then at the end. No character is cut.
---@return integer, integer
function M.common(old, new)
  local shorter = math.min(#old, #new)
  local first = 0
  while first < shorter and old:byte(first + 1) == new:byte(first + 1) do
    first = first + 1
  end
  first = first - (first < #old and -vim.str_utf_start(old, first + 1) or 0)
  local last = 0
  while last < shorter - first and old:byte(#old - last) == new:byte(#new - last) do
    last = last + 1
  end
  while last > 0 and vim.str_utf_start(old, #old - last + 1) ~= 0 do
    last = last - 1
  end
  return first, last
end

--- The place behind a text that starts at a place.
---@return integer, integer
function M.behind(row, column, passed)
  local n_rows = select(2, passed:gsub("\n", ""))
  return row + n_rows, n_rows == 0 and column + #passed or #passed:match("[^\n]*$")
end

--- The first part of a suggestion: "all" of it, up to the end of its "line", or its first "word".
---@param text string
---@param part "all"|"line"|"word"
---@return string
function M.piece(text, part)
  local piece = text
  if part == "line" then
    piece = text:match("^\n*[^\n]+")
  elseif part == "word" then
    piece = vim.fn.matchstr(text, [[^\_s*\%(\k\+\|\%(\k\@!\S\)\+\)]])
  end
  return piece and piece ~= "" and piece or text
end

return M
