-- The options of `setup`. Invariant: a mistake in an option is reported in one sentence, and only that option is ignored.
local message = require("fimble.message")

local M = {}

local defaults = {
  cmd = { "fimble", "lsp" },
  settings = {},
  ghost = "auto",
  delay = 40,
  menu = "hide",
  keys = false,
  next_edit = false,
  client_name = "fimble",
  root_markers = { ".git" },
}

--- What `keys = true` maps, in insert mode.
M.default_keys = {
  accept = "<Tab>",
  accept_word = "<C-Right>",
  accept_line = "<C-End>",
  next = "<M-n>",
  previous = "<M-p>",
  dismiss = "<C-]>",
}

--- What `keys = true` maps with `next_edit`, in normal mode.
M.next_edit_keys = {
  next_edit = "<Tab>",
  dismiss_next_edit = "<Esc>",
}

local checks = {
  cmd = function(value)
    return type(value) == "table" and type(value[1]) == "string", 'a list such as { "fimble", "lsp" }'
  end,
  settings = function(value)
    return type(value) == "table", "a table of the server's settings"
  end,
  ghost = function(value)
    return value == "auto" or value == "editor" or value == "plugin", '"auto", "editor" or "plugin"'
  end,
  delay = function(value)
    return type(value) == "number" and value >= 0, "a number of milliseconds"
  end,
  menu = function(value)
    return value == "hide" or value == "keep", '"hide" or "keep"'
  end,
  keys = function(value)
    if type(value) ~= "table" then
      return type(value) == "boolean", "true, false or a table of actions and keys"
    end
    local known = vim.tbl_extend("keep", { complete = "" }, M.default_keys, M.next_edit_keys)
    for action, key in pairs(value) do
      if not known[action] or type(key) ~= "string" then
        return false, "a table of keys for " .. table.concat(vim.fn.sort(vim.tbl_keys(known)), ", ")
      end
    end
    return true
  end,
  next_edit = function(value)
    return type(value) == "boolean", "true or false"
  end,
  client_name = function(value)
    return type(value) == "string" and value ~= "", 'a name such as "fimble-copilot"'
  end,
  root_markers = function(value)
    return type(value) == "table", 'a list such as { ".git" }'
  end,
}

--- The options in force.
M.current = vim.deepcopy(defaults)

--- Takes the user's options over the defaults.
---@param options? table
---@return table
function M.set(options)
  M.current = vim.deepcopy(defaults)
  for name, value in pairs(options or {}) do
    local check = checks[name]
    local is_good, expected = true, nil
    if check then
      is_good, expected = check(value)
    end
    if not check then
      local known = table.concat(vim.fn.sort(vim.tbl_keys(checks)), ", ")
      message.tell(("setup has no option %q; there are %s."):format(name, known), vim.log.levels.WARN)
    elseif not is_good then
      message.tell(("the option %s must be %s; its default is used."):format(name, expected), vim.log.levels.WARN)
    else
      M.current[name] = value
    end
  end
  if M.current.next_edit then
    local own = { experimental = { nextEdit = true } }
    M.current.settings = vim.tbl_deep_extend("keep", M.current.settings, own)
  end
  return M.current
end

--- Whether the editor's own inline completion shows the suggestions.
---@return boolean
function M.is_editor_showing()
  return M.current.ghost ~= "plugin" and vim.lsp.inline_completion ~= nil
end

return M
