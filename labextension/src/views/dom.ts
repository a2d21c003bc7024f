import { showHidden } from '../text/hidden';

export type Child = Node | string | null | false;

interface Props {
  class?: string;
  /** Attributes whose names and values come from this code; foreign text is a child. */
  attributes?: Record<string, string>;
  click?: () => void;
}

/**
 * Make an element. A string child becomes a text node with its hidden characters shown: this is the
 * one way by which text enters the page, and it cannot become markup.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (props.class) {
    element.className = props.class;
  }
  for (const [name, value] of Object.entries(props.attributes ?? {})) {
    element.setAttribute(name, value);
  }
  if (props.click) {
    element.addEventListener('click', props.click);
  }
  fill(element, ...children);
  return element;
}

/** Replace what an element holds. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(
    ...children
      .filter(child => child !== null && child !== false)
      .map(child =>
        typeof child === 'string' ? document.createTextNode(showHidden(child)) : child
      )
  );
}

export type Tone = 'neutral' | 'good' | 'info' | 'warning' | 'bad';

/** A word in a small frame. The word carries the meaning; the colour repeats it. */
export function badge(text: string, tone: Tone = 'neutral'): HTMLElement {
  return h('span', { class: `assay-badge assay-${tone}` }, text);
}

/** A push button. */
export function button(text: string, click: () => void, kind = ''): HTMLButtonElement {
  const attributes = { type: 'button' };
  return h('button', { class: `assay-button ${kind}`.trim(), attributes, click }, text);
}

let ids = 0;

/** Return an id that no other element has. */
export function newId(): string {
  return `assay-${(ids += 1)}`;
}

/** Return a sentence of ours with what stands between backticks in it as code. */
export function withCode(text: string): Child[] {
  const parts = text.split('`');
  if (parts.length % 2 === 0) {
    return [text]; // a backtick without a partner is a backtick
  }
  return parts.map((part, index) => (index % 2 ? h('code', {}, part) : part));
}
