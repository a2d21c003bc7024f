/** The commands, by the names that menus, toolbars and shortcuts use. */
export const COMMANDS = {
  critique: 'assay-nb:critique',
  improve: 'assay-nb:improve',
  rewrite: 'assay-nb:rewrite',
  stop: 'assay-nb:stop',
  switchWorkspace: 'assay-nb:switch-workspace',
  openSidebar: 'assay-nb:open-sidebar'
} as const;

/** Where the settings are. */
export const SETTINGS = 'assay-nb:plugin';
