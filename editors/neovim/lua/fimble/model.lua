-- The choice of the model: installed models, models on this disk, models to fetch. Invariant: the editor never waits; a
-- model that is chosen answers without a restart, and a model that cannot be fetched changes nothing; the editor itself opens no
-- connection, `fimble model` does.
local client_of = require("fimble.client")
local config = require("fimble.config")
local message = require("fimble.message")

local M = {}

--- The command that runs, if one does.
local running

local function warn(text)
  message.tell(text, vim.log.levels.WARN)
end

--- What a line of JSON says, with nil for null; nothing if it is none.
local function decode(text)
  local is_good, said = pcall(vim.json.decode, text, { luanil = { object = true, array = true } })
  return is_good and type(said) == "table" and said or nil
end

local function size(bytes)
  if bytes >= 1e9 then
    return ("%.1f GB"):format(bytes / 1e9)
  end
  return bytes >= 1e6 and ("%.0f MB"):format(bytes / 1e6) or ("%d kB"):format(math.ceil(bytes / 1e3))
end

local function duration(seconds)
  local whole = math.ceil(seconds)
  if whole < 60 then
    return ("%d s"):format(whole)
  end
  return whole < 3600 and ("%d min %d s"):format(math.floor(whole / 60), whole % 60)
    or ("%d h %d min"):format(math.floor(whole / 3600), math.floor(whole % 3600 / 60))
end

--- What is there of these, with points between.
local function joined(...)
  local parts = {}
  for at = 1, select("#", ...) do
    local part = select(at, ...)
    if part and part ~= "" then
      parts[#parts + 1] = type(part) == "number" and size(part) or part
    end
  end
  return table.concat(parts, " · ")
end

--- All rows of the list, each with a label of its group.
local function rows(list)
  local all = {}
  local function add(group, label, facts, choice)
    all[#all + 1] = vim.tbl_extend("error", { text = ("%-12s  %s  %s"):format(group, label, facts) }, choice)
  end
  for _, model in ipairs(list.installed or {}) do
    local facts = joined(model.active and "in use" or nil, model.bytes, model.precision, model.licence)
    add("installed", model.name, facts, { title = model.name, args = { "use", model.name } })
  end
  for _, model in ipairs(list.found or {}) do
    local choice = { title = model.spec, args = { "add", model.spec, "--use", "--progress", "json" } }
    local fim = model.fim == true and "fills in the middle" or model.fim == false and "left to right only" or nil
    if model.runs == false then
      local reason = model.reason or "no reason was given"
      choice, fim = { refusal = ("%s cannot run in the server: %s"):format(model.spec, reason) }, "cannot run here"
    end
    add("on this disk", model.spec, joined(model.bytes, model.quantisation, fim), choice)
  end
  for _, store in ipairs(list.unreadable or {}) do
    add("on this disk", store.path, "cannot be read", { refusal = ("%s cannot be read: %s"):format(store.path, store.reason) })
  end
  for _, model in ipairs(list.catalogue or {}) do
    if not model.installed then
      local facts = joined(model.recommended and "recommended" or nil, model.bytes, model.licence, model.purpose)
      local args = { "get", model.name, "--use", "--progress", "json" }
      local question
      if model.nonCommercial then
        args[#args + 1] = "--accept-licence"
        question = ("The licence of %s (%s) forbids commercial use. Do you accept it?"):format(model.title, model.licence)
      end
      add("to download", model.title, facts, { title = model.title, args = args, question = question })
    end
  end
  return all
end

--- How far a step is.
local function progress_text(step, news)
  local part = news.total and news.total > 0
    and ("%d %% of %s"):format(math.floor(math.min(news.done, news.total) / news.total * 100), size(news.total))
    or size(news.done)
  local rate = news.rate and (", %s/s"):format(size(news.rate)) or ""
  local left = news.secondsLeft and (", %s left"):format(duration(news.secondsLeft)) or ""
  return ("%s: %s%s%s"):format(step, part, rate, left)
end

--- What the program wrote of its failure, as one sentence.
local function failure(stderr, args)
  local lines, from = {}, 1
  for line in stderr:gmatch("[^\n]+") do
    lines[#lines + 1] = vim.trim(line)
    from = line:match("^fimble: ") and #lines or from
  end
  local text = table.concat(lines, " ", from):gsub("^fimble: ", "")
  return text ~= "" and text or ("`fimble model %s` ended without a reason. Run `:Fimble doctor`."):format(table.concat(args, " "))
end

--- Ends a command and what it started.
local function kill(process, signal)
  if vim.fn.has("win32") == 1 then
    return process:kill(signal)
  end
  pcall(vim.uv.kill, -process.pid, signal)
end

--- Runs `fimble model …`. Each line of its output is given to `on_line`; then `on_done` gets whether it went well, and the
--- failure.
local function run(args, on_line, on_done)
  local rest, problems = "", ""
  local function read(_, data)
    local lines = vim.split(rest .. (data or "\n"), "\n")
    rest = table.remove(lines)
    vim.schedule(function()
      for _, line in ipairs(lines) do
        on_line(line)
      end
    end)
  end
  local command = vim.list_extend({ config.current.cmd[1], "model" }, args)
  local is_started, process = pcall(vim.system, command, {
    -- Of a group of its own, so that what it starts ends with it.
    detach = true,
    stdout = read,
    stderr = function(_, data)
      problems = (problems .. (data or "")):sub(-8000)
    end,
  }, vim.schedule_wrap(function(done)
    on_done(done.code == 0, failure(problems, args))
  end))
  if not is_started then
    warn(("%q cannot be run: %s"):format(command[1], process))
    return nil
  end
  return process
end

--- The servers load the model that is in use now. A setting that names another one would take precedence, so it is cleared: the
--- choice is the newer wish.
local function change(title)
  if config.current.settings.model ~= nil then
    config.current.settings.model = nil
    local settings = vim.tbl_extend("force", config.current.settings, { model = vim.NIL })
    for _, client in ipairs(client_of.all()) do
      client_of.notify(client, "workspace/didChangeConfiguration", { settings = { fimble = settings } })
    end
    return warn(("%s is used until Neovim ends: `settings.model` in your init.lua names another model. Remove it there."):format(title))
  end
  for _, client in ipairs(client_of.all()) do
    client_of.execute(client, "fimble.reloadModel")
  end
  message.tell(("%s answers as soon as it is loaded."):format(title))
end

--- Uses, adds or gets a model.
local function use(row)
  if running then
    return warn("another model is still being fetched. Wait for it, or cancel it with `:Fimble model cancel`.")
  end
  local step, said = "starting", {}
  local this = {}
  this.process = run(row.args, function(line)
    local news = decode(line)
    if this.is_cancelled or not news then
      return
    end
    if news.added then
      said = news.lines or {}
    elseif news.step or news.done then
      step = news.step or step
      message.progress(("%s, %s"):format(row.title, news.done and progress_text(step, news) or step))
    end
  end, function(is_good, problem)
    running = nil
    message.progress()
    if this.is_cancelled then
      return message.tell(("%s was not fetched; nothing has changed."):format(row.title))
    elseif not is_good then
      return warn(problem)
    end
    change(row.title)
    for _, line in ipairs(said) do
      message.tell(line)
    end
  end)
  running = this.process and this
end

--- Asks for one of these rows. The editor's own list leaves lines behind, below which a message would ask for a key.
local function ask(items, options, on_choice)
  vim.ui.select(items, options, vim.schedule_wrap(function(item)
    vim.cmd.redraw()
    if item then
      on_choice(item)
    end
  end))
end

local function act(row)
  if row.refusal then
    return warn(row.refusal)
  end
  if not row.question then
    return use(row)
  end
  ask({ "Accept the licence", "Cancel" }, { prompt = row.question }, function(answer)
    if answer == "Accept the licence" then
      use(row)
    end
  end)
end

--- Shows the list and does what is chosen.
function M.choose()
  local lines = {}
  run({ "list", "--json" }, function(line)
    lines[#lines + 1] = line
  end, function(is_good, problem)
    if not is_good then
      return warn(problem)
    end
    local list = decode(table.concat(lines, "\n"))
    if not list then
      return warn("the program gave no list of models. Install the program and the plugin from one release.")
    end
    ask(rows(list), {
      prompt = "The model that completes",
      kind = "fimble_model",
      format_item = function(row)
        return row.text
      end,
    }, act)
  end)
end

--- Ends the command that gets a model.
function M.cancel()
  local this = running
  if not this then
    return message.tell("no model is being fetched.")
  end
  this.is_cancelled = true
  kill(this.process, "sigterm")
  vim.defer_fn(function()
    if running == this then
      kill(this.process, "sigkill")
    end
  end, 3000)
end

-- What is fetched ends with the editor.
vim.api.nvim_create_autocmd("VimLeavePre", {
  group = vim.api.nvim_create_augroup("fimble.model", {}),
  callback = function()
    if running then
      kill(running.process, "sigterm")
    end
  end,
})

return M
