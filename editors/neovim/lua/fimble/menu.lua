-- Whether a completion menu of any plugin is open. Invariant: the check is cheap and loads no other plugin.
local M = {}

--- Whether a menu is on the screen.
---@return boolean
function M.is_open()
  if vim.fn.pumvisible() == 1 then
    return true
  end
  local blink, cmp = package.loaded["blink.cmp"], package.loaded["cmp"]
  for _, is_visible in ipairs({ blink and (blink.is_menu_visible or blink.is_visible) or false, cmp and cmp.visible or false }) do
    if is_visible then
      local is_good, is_open = pcall(is_visible)
      if is_good and is_open then
        return true
      end
    end
  end
  return false
end

--- Calls back whenever a menu may have been opened or closed.
function M.watch(group, callback)
  local later = vim.schedule_wrap(callback)
  vim.api.nvim_create_autocmd({ "CompleteChanged", "CompleteDone" }, { group = group, callback = later })
  vim.api.nvim_create_autocmd("User", {
    group = group,
    pattern = { "BlinkCmpMenuOpen", "BlinkCmpMenuClose", "CmpMenuOpened", "CmpMenuClosed" },
    callback = later,
  })
  -- nvim-cmp has its own events, and is often loaded after us.
  vim.api.nvim_create_autocmd("InsertEnter", {
    group = group,
    callback = function()
      local cmp = package.loaded["cmp"]
      if cmp and cmp.event and M.watched ~= cmp.event then
        M.watched = cmp.event
        cmp.event:on("menu_opened", later)
        cmp.event:on("menu_closed", later)
      end
    end,
  })
end

return M
