import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';

/**
 * Whether a code cell of this notebook surely runs as Python.
 *
 * A prompt below a magic is a prompt in Python alone: a shell would run it as a script. So where the
 * language is not known, the answer is no.
 */
export async function runsPython(panel: NotebookPanel): Promise<boolean> {
  const running = await languageOf(panel.sessionContext.session?.kernel);
  const languages = running ? [running] : savedLanguages(panel);
  return languages.length > 0 && languages.every(name => name.toLowerCase() === 'python');
}

async function languageOf(kernel: Kernel.IKernelConnection | null | undefined): Promise<string> {
  try {
    return (await kernel?.spec)?.language ?? '';
  } catch {
    return '';
  }
}

/** Return the languages that the notebook's own metadata names: those of its last kernel. */
function savedLanguages({ content }: NotebookPanel): string[] {
  const info = content.model?.getMetadata('language_info') as { name?: unknown } | undefined;
  const spec = content.model?.getMetadata('kernelspec') as { language?: unknown } | undefined;
  return [info?.name, spec?.language].filter(
    name => typeof name === 'string' && name !== ''
  ) as string[];
}
