-- `:checkhealth fimble`. Invariant: every warning has its remedy.
local M = {}

local health = vim.health

local function check_program(config)
  local program = config.current.cmd[1]
  if vim.fn.executable(program) == 0 then
    health.error(("The program %q was not found."):format(program), {
      "Install it: `cargo install --path .` in Fimble's folder.",
      'Or name it: require("fimble").setup { cmd = { "/path/to/fimble", "lsp" } }.',
    })
    return false
  end
  local version = vim.trim(vim.system({ program, "--version" }, { text = true }):wait().stdout or "")
  local ours = require("fimble").version
  if version == "fimble " .. ours then
    health.ok(("%s is %s, as this plugin."):format(program, version))
  else
    health.warn(("%s is %q, this plugin belongs to fimble %s."):format(program, version, ours), {
      "`fimble setup --editor neovim` writes the plugin that belongs to the program.",
    })
  end
  local doctor = vim.system({ program, "doctor" }, { text = true }):wait(60000)
  if doctor.code == 0 then
    health.ok("`fimble doctor` finds nothing missing.")
  else
    health.error("`fimble doctor` finds something missing:\n" .. (doctor.stdout or "") .. (doctor.stderr or ""), {
      "Do what it says; `:Fimble doctor` shows it again.",
    })
  end
  return true
end

--- Runs the checks.
function M.check()
  health.start("Fimble")
  if vim.fn.has("nvim-0.10") == 0 then
    return health.error("Neovim is older than 0.10.", { "Update Neovim." })
  end
  local config = require("fimble.config")
  if config.is_editor_showing() then
    health.ok("Neovim's own inline completion shows the suggestions.")
  else
    health.ok("The plugin shows the suggestions itself.")
  end
  if not check_program(config) then
    return
  end
  local clients = require("fimble.client").all()
  if #clients == 0 then
    health.warn("No server runs.", {
      'Call require("fimble").setup() in init.lua, and open a file.',
      "`:Fimble log` shows what went wrong, `:Fimble restart` starts it.",
    })
  end
  for _, client in ipairs(clients) do
    local buffers = vim.lsp.get_buffers_by_client_id and vim.lsp.get_buffers_by_client_id(client.id)
      or vim.tbl_keys(client.attached_buffers)
    health.ok(("A server runs for %s, with %d buffers."):format(client.config.root_dir or "single files", #buffers))
  end
  local accept = vim.tbl_filter(function(map)
    return (map.desc or ""):find("^Fimble: ") ~= nil
  end, vim.api.nvim_get_keymap("i"))
  health.info(#accept == 0 and "No keys are mapped: `keys = true` maps the usual ones."
    or ("%d keys are mapped."):format(#accept))
end

return M
