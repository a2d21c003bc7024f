import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import type { JSONObject, ReadonlyJSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';
import type { Critique, Improvement, LintReport, Rewrite } from '../api/results';
import { applyToCell, applyToOrigin, findCell, originOf } from '../cells/host';
import { viewCritique } from '../views/critique';
import { h } from '../views/dom';
import { Review } from '../views/improvement';
import { viewLint } from '../views/lint';
import { viewRewrite } from '../views/rewrite';

const SCHEMAS = ['critique', 'improvement', 'rewrite', 'lint'] as const;
const OURS = 'assay_nb';

/** The type under which a result of this schema is saved. */
export function mimeType(schema: string): string {
  return `application/vnd.${schema}+json`;
}

/** Shows results from what the notebook holds: nothing runs, and nothing is requested. */
export const renderers: JupyterFrontEndPlugin<void> = {
  id: 'assay-nb:renderers',
  description: 'Renders critiques, improvements, rewrites and lint reports.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [INotebookTracker, ITranslator],
  activate: (
    _app,
    registry: IRenderMimeRegistry,
    tracker: INotebookTracker | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('assay_nb');
    const mimeTypes = SCHEMAS.map(name => mimeType(`assay.${name}.v1`));
    const factory: IRenderMime.IRendererFactory = {
      safe: true,
      mimeTypes,
      defaultRank: 10,
      createRenderer: ({ mimeType }) => new ResultView(mimeType, tracker, trans)
    };
    registry.addFactory(factory);
  }
};

class ResultView extends Widget implements IRenderMime.IRenderer {
  private drawn = '';
  private review: Review | null = null;

  constructor(
    private readonly type: string,
    private readonly tracker: INotebookTracker | null,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('assay-result');
    // Keys on our buttons are not the notebook's shortcuts.
    this.node.setAttribute('data-lm-suppress-shortcuts', 'true');
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const data = model.data[this.type] as ReadonlyJSONObject;
    const stamp = JSON.stringify(data);
    if (stamp === this.drawn) {
      this.review?.show(chosen(model) ?? this.review.accepted);
      return Promise.resolve();
    }
    this.drawn = stamp;
    try {
      this.node.replaceChildren(...this.view(data, model));
    } catch {
      // A file that somebody edited, or a newer version's: the other forms of the result still read.
      const text = this.trans.__('This result is in a form that this version cannot show.');
      this.node.replaceChildren(h('p', { class: 'assay-note' }, text));
    }
    return Promise.resolve();
  }

  private view(data: ReadonlyJSONObject, model: IRenderMime.IMimeModel): HTMLElement[] {
    const result: unknown = data;
    switch (data.schema) {
      case 'assay.critique.v1':
        return viewCritique(result as Critique, this.trans);
      case 'assay.lint.v1':
        return viewLint(result as LintReport, this.trans);
      case 'assay.rewrite.v1':
        return viewRewrite(result as Rewrite, this.applier((result as Rewrite).prompt), this.trans);
      default:
        return this.viewImprovement(result as Improvement, model);
    }
  }

  private viewImprovement(result: Improvement, model: IRenderMime.IMimeModel): HTMLElement[] {
    const options = {
      accepted: chosen(model) ?? result.accepted,
      choose: (accepted: number[]) => {
        choose(model, accepted);
      },
      apply: this.applier(result.prompt)
    };
    this.review = new Review(result, options, this.trans);
    return this.review.nodes;
  }

  private applier(old: string): ((text: string) => void) | null {
    const { tracker } = this;
    return (
      tracker &&
      (text => {
        this.apply(tracker, old, text);
      })
    );
  }

  private apply(tracker: INotebookTracker, old: string, text: string): void {
    if (this.put(tracker, old, text)) {
      Notification.success(this.trans.__('The cell has the new prompt.'), { autoClose: 3000 });
    } else {
      const why = this.trans.__(
        'The cell no longer holds the prompt that this result is about, so it was left as it is.'
      );
      Notification.warning(why, { autoClose: 8000 });
    }
  }

  private put(tracker: INotebookTracker, old: string, text: string): boolean {
    const origin = originOf(this.node);
    if (origin) {
      return applyToOrigin(origin, old, text);
    }
    const place = findCell(tracker, this.node);
    return place !== null && applyToCell(place.panel.content.widgets, place.index, old, text);
  }
}

/** Return which edits the person has accepted, as saved beside the result; null before any choice. */
function chosen(model: IRenderMime.IMimeModel): number[] | null {
  const ours = model.metadata[OURS] as { accepted?: number[] } | undefined;
  return ours?.accepted ?? null;
}

/** Save the choice beside the result, so that a notebook opened later shows the same. */
function choose(model: IRenderMime.IMimeModel, accepted: number[]): void {
  const metadata = model.metadata as JSONObject;
  const ours = (metadata[OURS] ?? {}) as JSONObject;
  model.setData({ metadata: { ...metadata, [OURS]: { ...ours, accepted } } });
}
