-- `:Fimble`. Invariant: every word answers with something the user can see.
local client_of = require("fimble.client")
local config = require("fimble.config")
local documents = require("fimble.documents")
local message = require("fimble.message")

local M = {}

local function server()
  local client = client_of.any()
  if not client then
    message.tell("no server runs. `:checkhealth fimble` says why; `:Fimble restart` starts it.", vim.log.levels.WARN)
  end
  return client
end

--- Asks a server and shows what it answers.
local function ask(command, show)
  local client = server()
  if client then
    client_of.execute(client, command, {}, function(err, answer)
      if err then
        return message.tell(err.message, vim.log.levels.WARN)
      end
      show(answer)
    end)
  end
end

--- Runs the program and shows what it prints.
local function run_program(subcommand)
  local program = config.current.cmd[1]
  local is_started, problem = pcall(vim.system, { program, subcommand }, { text = true }, vim.schedule_wrap(function(done)
    documents.show("fimble://" .. subcommand, done.stdout .. done.stderr, "text")
  end))
  if not is_started then
    message.tell(("%q cannot be run: %s"):format(program, problem), vim.log.levels.WARN)
  end
end

local toggles = {
  [""] = function()
    local is_on = config.current.settings.enabled == false
    client_of.configure({ enabled = is_on })
    message.tell(is_on and "on" or "off")
  end,
  buffer = function()
    vim.b.fimble_off = not vim.b.fimble_off or nil
    message.tell(vim.b.fimble_off and "off in this buffer" or "on in this buffer")
  end,
  language = function()
    local language = vim.bo.filetype
    local off = vim.deepcopy((config.current.settings.languages or {}).disabled or {})
    local is_off = vim.list_contains(off, language)
    off = is_off and vim.tbl_filter(function(other)
      return other ~= language
    end, off) or vim.list_extend(off, { language })
    client_of.configure({ languages = { disabled = off } })
    message.tell(("%s for %s"):format(is_off and "on" or "off", language))
  end,
}

local commands = {
  status = function()
    ask("fimble.status", function(status)
      local model = ("%s, model %s%s"):format(status.state, status.model,
        status.provider and " on " .. status.provider or "")
      local reason = type(status.reason) == "string" and " (" .. status.reason .. ")" or ""
      local wanted = type(status.wanted) == "table" and status.wanted
      if wanted then
        reason = wanted.state == "failed" and ("; %s could not be loaded: %s"):format(wanted.model, wanted.reason)
          or ("; %s is being loaded"):format(wanted.model)
      end
      reason = reason .. (status.remote and "; code goes to another machine" or "")
      for _, notice in ipairs(status.notices or {}) do
        reason = reason .. "; " .. notice
      end
      message.tell(("%s%s; %d requests, %d shown, %d without the model, %d accepted, %d dismissed"):format(model, reason,
        status.requests, status.shown, status.withoutModel, status.accepted, status.dismissed))
    end)
  end,
  why = function()
    ask("fimble.why", function(why)
      documents.show("fimble://why", why.text, "markdown")
    end)
  end,
  toggle = function(_, what)
    local toggle = toggles[what]
    if not toggle then
      return message.tell("`:Fimble toggle` takes buffer, language or nothing.", vim.log.levels.WARN)
    end
    toggle()
    require("fimble.ghost").renew()
  end,
  doctor = function()
    run_program("doctor")
  end,
  model = function(_, what)
    local model = require("fimble.model")
    if what == "" then
      model.choose()
    elseif what == "cancel" then
      model.cancel()
    else
      message.tell("`:Fimble model` takes cancel or nothing.", vim.log.levels.WARN)
    end
  end,
  log = function()
    local path = (vim.lsp.log.get_filename or vim.lsp.get_log_path)()
    vim.cmd.split(vim.fn.fnameescape(path))
    vim.cmd.normal({ "G", bang = true })
  end,
  explain = function(arguments)
    local client = server()
    if client then
      documents.explain(client, arguments)
    end
  end,
  refactor = function(arguments, instruction)
    local client = server()
    if client then
      documents.refactor(client, arguments, instruction)
    end
  end,
  restart = function()
    client_of.restart()
  end,
  record = function(_, file)
    if file == "" then
      return message.tell("`:Fimble record FILE` needs the name of a new file.", vim.log.levels.WARN)
    end
    client_of.restart(vim.fn.fnamemodify(vim.fn.expand(file), ":p"))
  end,
}

--- Runs `:Fimble WORD …`; without a word, `status`.
function M.run(arguments)
  local word, rest = arguments.args:match("^(%S*)%s*(.*)$")
  local command = commands[word == "" and "status" or word]
  if not command then
    local known = table.concat(vim.fn.sort(vim.tbl_keys(commands)), ", ")
    return message.tell(("there is no `:Fimble %s`; there are %s."):format(word, known), vim.log.levels.WARN)
  end
  command(arguments, rest)
end

--- Completes the words of `:Fimble`.
function M.complete(lead, line)
  local before = line:match("Fimble%s+(%w+)%s+%S*$")
  if before == "record" then
    return vim.fn.getcompletion(lead, "file")
  end
  local further = { toggle = { "buffer", "language" }, model = { "cancel" } }
  local words = before and (further[before] or {}) or vim.tbl_keys(commands)
  return vim.tbl_filter(function(word)
    return vim.startswith(word, lead)
  end, vim.fn.sort(words))
end

return M
