import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { MimeModel, type IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { PanelLayout, Widget } from '@lumino/widgets';
import { assayIcon } from '../icon';
import { h, newId } from '../views/dom';
import { setOrigin } from './host';
import type { Bundle, Output } from './output';

/**
 * Results beside their notebook, where nothing may be put into it.
 *
 * A notebook has one such place, and its latest run has it.
 */
export class Sides {
  private readonly shown = new WeakMap<NotebookPanel, MainAreaWidget<ResultSide>>();

  constructor(private readonly shell: JupyterFrontEnd.IShell) {}

  /** Return the output at a notebook's side for a run on one of its cells. It opens with the first piece. */
  open(panel: NotebookPanel, cell: Cell, title: string): Output {
    let view: ResultView | null = null;
    return {
      show: bundle => {
        view ??= this.reveal(panel, title).content.begin(cell);
        view.draw(bundle);
      },
      fail: why => {
        view?.say(why);
      }
    };
  }

  private reveal(panel: NotebookPanel, title: string): MainAreaWidget<ResultSide> {
    let widget = this.shown.get(panel);
    if (!widget || widget.isDisposed) {
      widget = new MainAreaWidget({ content: new ResultSide(panel.content.rendermime) });
      widget.id = newId();
      widget.title.icon = assayIcon;
      widget.title.closable = true;
      this.shown.set(panel, widget);
      this.place(widget, panel);
    }
    widget.title.label = title;
    widget.title.caption = `${title}, ${panel.title.label}`;
    widget.content.node.setAttribute('aria-label', widget.title.caption);
    if (!widget.isVisible) {
      this.shell.activateById(widget.id);
    }
    return widget;
  }

  private place(widget: Widget, panel: NotebookPanel): void {
    const beside = { mode: 'split-right', ref: panel.id, activate: false } as const;
    this.shell.add(widget, 'main', beside);
    if (!widget.isAttached) {
      this.shell.add(widget, 'right', { rank: 801 }); // Notebook 7 has room for one document only
    }
  }
}

/** The content at the side. */
class ResultSide extends Widget {
  private view: ResultView | null = null;

  constructor(private readonly rendermime: IRenderMimeRegistry) {
    super();
    this.addClass('assay-side');
    this.node.setAttribute('role', 'region');
    this.node.tabIndex = 0; // so that the keyboard can scroll it
    this.layout = new PanelLayout();
  }

  /** Make room for a run's result; what a run before it still brings is not shown any more. */
  begin(cell: Cell): ResultView {
    this.view?.dispose();
    this.view = new ResultView(this.rendermime);
    setOrigin(this.view.node, cell);
    (this.layout as PanelLayout).addWidget(this.view);
    return this.view;
  }
}

/** One run's result, drawn as the notebook would draw it. */
class ResultView extends Widget {
  private type = '';
  private renderer: IRenderMime.IRenderer | null = null;

  constructor(private readonly rendermime: IRenderMimeRegistry) {
    super();
    this.layout = new PanelLayout();
  }

  draw({ data, metadata }: Bundle): void {
    const type = this.rendermime.preferredMimeType(data, 'ensure');
    if (this.isDisposed || !type) {
      return;
    }
    if (!this.renderer || type !== this.type) {
      this.renderer?.dispose();
      this.renderer = this.rendermime.createRenderer(type);
      this.type = type;
      (this.layout as PanelLayout).addWidget(this.renderer);
    }
    void this.renderer.renderModel(new MimeModel({ data, metadata }));
  }

  /** Show a sentence in the result's place. */
  say(text: string): void {
    if (!this.isDisposed) {
      this.renderer?.dispose();
      this.renderer = null;
      this.node.replaceChildren(h('p', { class: 'assay-alert' }, text));
    }
  }
}
