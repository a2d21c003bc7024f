import type { TranslationBundle } from '@jupyterlab/translation';
import type { Status, Workspace } from '../api/facts';

/** Return the active workspace; null where it is gone, whatever stands in its place. */
export function activeOf({ workspace }: Status): Workspace | null {
  return workspace?.active ? workspace : null;
}

/** Say whether there is a connection that calls could go to. */
export function hasConnection({ keys }: Status): boolean {
  return keys.some(({ state }) => state !== 'missing');
}

/** Return the status in one line. */
export function describe(status: Status, trans: TranslationBundle): string {
  const active = activeOf(status);
  if (!active) {
    return status.workspace?.name ?? trans.__('no workspace chosen');
  }
  const named = status.model?.split('/')[0];
  const key = status.keys.find(({ connection }) => connection === named);
  const lacking =
    status.model || !hasConnection(status) ? trans.__('no key') : trans.__('no model chosen');
  const demo = status.budget.left ? trans.__('%1 demo calls', status.budget.left) : lacking;
  const words = {
    ready: key?.keyless ? key.word : trans.__('key ready'),
    unreadable: trans.__('key unreadable'),
    sealed: trans.__('vault sealed'),
    missing: demo
  };
  return [active.name, status.model, key ? words[key.state] : demo].filter(Boolean).join(' · ');
}
