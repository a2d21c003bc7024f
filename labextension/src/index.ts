import { cells } from './plugins/cells';
import { editor } from './plugins/editor';
import { guard } from './plugins/guard';
import { nextCell } from './plugins/nextcell';
import { renderers } from './plugins/renderers';
import { settings } from './plugins/settings';
import { sidebar } from './plugins/sidebar';
import { state } from './plugins/state';
import { statusbar } from './plugins/statusbar';

export { IAssay } from './tokens';

export default [settings, state, statusbar, sidebar, cells, renderers, editor, guard, nextCell];
