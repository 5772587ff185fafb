-- The server's process: started for every buffer with a file, started again when it crashes. Invariant: a problem is
-- shown once, in one sentence with its remedy; the text of a buffer never depends on the server.
local config = require("fimble.config")
local message = require("fimble.message")

local M = {}

--- Starts that ended again this soon (milliseconds) count as failures, and after so many the user has to decide.
local SOON, MAX_FAILURES = 60000, 3

local has_methods = vim.fn.has("nvim-0.11") == 1
local stopping, failures = {}, {}
--- The file that the next server records the session in. A recording belongs to one process.
local record_into

--- Sends a request to a server.
---@return boolean, integer? # whether it was sent, and its number
function M.request(client, method, params, handler, bufnr)
  if has_methods then
    return client:request(method, params, handler, bufnr)
  end
  return client.request(method, params, handler, bufnr)
end

--- Withdraws a request.
function M.cancel(client, id)
  if has_methods then
    client:cancel_request(id)
  else
    client.cancel_request(id)
  end
end

--- Sends a notification to a server.
function M.notify(client, method, params)
  if has_methods then
    client:notify(method, params)
  else
    client.notify(method, params)
  end
end

--- Runs one of the server's commands. Without a handler an error of the server is shown.
function M.execute(client, command, argument, handler)
  local params = { command = command, arguments = { argument or vim.empty_dict() } }
  M.request(client, "workspace/executeCommand", params, handler or function(err)
    if err then
      message.tell(err.message, vim.log.levels.WARN)
    end
  end)
end

--- All servers.
function M.all()
  return vim.lsp.get_clients({ name = config.current.client_name })
end

--- The server of a buffer.
---@param bufnr integer
function M.of(bufnr)
  return vim.lsp.get_clients({ bufnr = bufnr, name = config.current.client_name })[1]
end

--- The server of a buffer, else any.
---@param bufnr? integer
function M.any(bufnr)
  return M.of(bufnr or vim.api.nvim_get_current_buf()) or M.all()[1]
end

local function capabilities()
  local all = vim.lsp.protocol.make_client_capabilities()
  all.textDocument.inlineCompletion = { dynamicRegistration = false }
  -- Most servers count in UTF-16, and before 0.12 Neovim warns when those of a buffer count differently.
  all.general.positionEncodings = { "utf-16" }
  all.experimental = { fimble = {
    status = true,
    virtualDocuments = true,
    asksInstruction = true,
    inlineCompletionRefresh = true,
  } }
  return all
end

local function check_version(result)
  local theirs = (result.serverInfo or {}).version or "unknown"
  local ours = require("fimble").version
  if theirs ~= ours then
    message.warn_once(("the server is version %s and this plugin belongs to %s. Install both from one release: "
      .. "`fimble setup --editor neovim` writes the plugin of the server."):format(theirs, ours))
  end
end

local function on_exit(code, _, client_id)
  vim.schedule(function()
    local known = failures[client_id] or {}
    failures[client_id] = nil
    if known.recording and vim.v.exiting == vim.NIL then
      message.tell(("the session is in %s. Attach it to a report, or play it in the sources of Fimble: `cargo run --release "
        .. "-p fimble-tools --bin fimble-bench -- replay FILE`"):format(known.recording))
    end
    require("fimble.status").forget(client_id)
    if stopping[client_id] or vim.v.exiting ~= vim.NIL then
      stopping[client_id] = nil
      return
    end
    local command = table.concat(config.current.cmd, " ")
    if not known.is_ready then
      message.warn_once(("`%s` ended with code %d before it answered. Run `:Fimble doctor`; `:Fimble log` shows what it wrote.")
        :format(command, code))
      return
    end
    M.n_failures = vim.uv.now() - known.started < SOON and (M.n_failures or 0) + 1 or 1
    if M.n_failures > MAX_FAILURES then
      message.tell(("`%s` ended %d times in a row. `:Fimble log` shows why; `:Fimble restart` starts it again.")
        :format(command, M.n_failures), vim.log.levels.WARN)
      return
    end
    -- The editor reports the end itself, in a long sentence, and forgets the old server first.
    message.make_room(#command + 200)
    vim.defer_fn(M.attach_all, 100)
  end)
end

local function start_config(bufnr)
  local options = config.current
  local wire = next(options.settings) and options.settings or vim.empty_dict()
  local started, recording = vim.uv.now(), record_into
  record_into = nil
  local cmd = vim.list_extend({}, config.current.cmd)
  return {
    name = options.client_name,
    cmd = recording and vim.list_extend(cmd, { "--record", recording }) or cmd,
    root_dir = vim.fs.root(bufnr, options.root_markers),
    capabilities = capabilities(),
    init_options = wire,
    settings = { fimble = wire },
    on_init = function(client, result)
      failures[client.id] = { started = started, is_ready = true, recording = recording }
      check_version(result or {})
      require("fimble.ghost").prepare(client)
    end,
    on_attach = function(_, attached)
      require("fimble.editor").enable(attached)
      -- There was no request for text that was typed before, such as right after `:edit`.
      vim.schedule(require("fimble.ghost").refresh)
    end,
    on_exit = on_exit,
    handlers = vim.tbl_extend(
      "error",
      require("fimble.documents").handlers,
      require("fimble.status").handlers
    ),
    commands = require("fimble.documents").commands,
  }
end

--- Starts the server for a buffer, or gives the buffer to one that runs for its folder.
---@param bufnr integer
function M.attach(bufnr)
  if not vim.api.nvim_buf_is_loaded(bufnr) or vim.bo[bufnr].buftype ~= "" or vim.api.nvim_buf_get_name(bufnr) == "" then
    return
  end
  local program = config.current.cmd[1]
  if vim.fn.executable(program) == 0 then
    return message.warn_once(("the program %q was not found. Install it (`cargo install --path .` in its folder), "
      .. 'or name it: require("fimble").setup { cmd = { "/path/to/fimble", "lsp" } }.'):format(program))
  end
  local current = M.of(bufnr)
  if current then
    if vim.b[bufnr].fimble_filetype == vim.bo[bufnr].filetype then
      return
    end
    -- The server learns the language when a document is opened.
    vim.lsp.buf_detach_client(bufnr, current.id)
  end
  vim.b[bufnr].fimble_filetype = vim.bo[bufnr].filetype
  vim.lsp.start(start_config(bufnr), {
    bufnr = bufnr,
    silent = true,
    reuse_client = function(client, wanted)
      return client.name == wanted.name and not client.is_stopped(client) and client.config.root_dir == wanted.root_dir
    end,
  })
end

--- Attaches every loaded buffer.
function M.attach_all()
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    M.attach(bufnr)
  end
end

--- Ends all servers and starts them again.
---@param recording? string new file that the one of the current buffer records the session in
function M.restart(recording)
  record_into = recording
  message.forget()
  M.n_failures = 0
  local clients = M.all()
  for _, client in ipairs(clients) do
    stopping[client.id] = true
    client.stop(client)
  end
  local deadline = vim.uv.now() + 3000
  local function go_on()
    local running = vim.tbl_filter(function(client)
      return vim.lsp.get_client_by_id(client.id) ~= nil
    end, clients)
    if #running > 0 and vim.uv.now() < deadline then
      return vim.defer_fn(go_on, 50)
    end
    for _, client in ipairs(running) do
      client.stop(client, true)
    end
    M.attach(vim.api.nvim_get_current_buf())
    M.attach_all()
  end
  go_on()
end

--- Changes settings of the server while it runs.
---@param settings table
function M.configure(settings)
  config.current.settings = vim.tbl_deep_extend("force", config.current.settings, settings)
  for _, client in ipairs(M.all()) do
    client.settings = { fimble = config.current.settings }
    M.notify(client, "workspace/didChangeConfiguration", { settings = client.settings })
  end
end

--- Attaches buffers from now on.
function M.start()
  local group = vim.api.nvim_create_augroup("fimble.attach", {})
  vim.api.nvim_create_autocmd({ "FileType", "BufReadPost", "BufNewFile", "BufFilePost" }, {
    group = group,
    callback = function(event)
      -- The type of a file is found after the file was read.
      vim.schedule(function()
        if vim.api.nvim_buf_is_valid(event.buf) then
          M.attach(event.buf)
        end
      end)
    end,
  })
  M.attach_all()
end

return M
