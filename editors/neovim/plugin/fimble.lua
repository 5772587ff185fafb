-- Defines `:Fimble`. Nothing else happens until `require("fimble").setup()`; must load in any Neovim, also in one that is
-- too old, so that the user is told.
if vim.g.loaded_fimble then
  return
end
vim.g.loaded_fimble = true
if vim.fn.has("nvim-0.10") == 0 then
  return
end
vim.api.nvim_create_user_command("Fimble", function(arguments)
  require("fimble.command").run(arguments)
end, {
  nargs = "*",
  range = true,
  desc = "Fimble: code completion by a model on this machine",
  complete = function(...)
    return require("fimble.command").complete(...)
  end,
})
