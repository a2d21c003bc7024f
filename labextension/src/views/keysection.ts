import type { Key, Provider, Status } from '../api/facts';
import type { CardOptions } from './card';
import { ConnectFold } from './connect';
import { ConnectionCard } from './connection';
import { fill, h } from './dom';
import { KeyCard } from './keys';

const ORDER: readonly string[] = ['google', 'anthropic', 'openai'] satisfies Provider[];

/**
 * The connections of one workspace: a card for each, and a form for a new one.
 *
 * The three that are there from the start come first. Once there are others, those of the three that have
 * no key are folded away.
 */
export class KeySection {
  readonly node = h('div', {});
  private readonly first: KeyCard[];
  private readonly named = new Map<string, ConnectionCard>();
  private readonly adding: ConnectFold | null;
  private readonly unused = h('div', {});
  private readonly fold: HTMLElement;

  constructor(
    status: Status,
    private readonly options: CardOptions
  ) {
    const { trans, entry } = options;
    const last = status.keyway?.last ?? '';
    this.first = [...status.setups]
      .sort((a, b) => ORDER.indexOf(a.provider) - ORDER.indexOf(b.provider))
      .map((setup, index) => new KeyCard({ ...options, setup, last, fastest: index === 0 }));
    this.adding = entry ? new ConnectFold(options) : null;
    const title = h('summary', {}, trans.__('More providers'));
    this.fold = h('details', { class: 'assay-details' }, title, this.unused);
  }

  /** Show what is true now. A card stays the same one, with what is typed in it. */
  show(status: Status): void {
    const named = status.keys.filter(isNamed);
    this.takeAway(new Set(named.map(({ connection }) => connection)));
    const cards = named.map(({ connection }) => this.cardOf(connection));
    for (const card of [...this.first, ...cards]) {
      card.show(status);
    }
    const stored = new Set(
      status.keys.filter(({ state }) => state !== 'missing').map(({ connection }) => connection)
    );
    const folded = cards.length ? this.first.filter(card => !stored.has(card.connection)) : [];
    const shown = this.first.filter(card => !folded.includes(card));
    fill(this.unused, ...folded.map(({ node }) => node));
    fill(
      this.node,
      ...[...shown, ...cards].map(({ node }) => node),
      folded.length > 0 && this.fold,
      this.adding && this.adding.node
    );
  }

  /** Empty every field. */
  forget(): void {
    for (const part of [...this.first, ...this.named.values(), this.adding]) {
      part?.forget();
    }
  }

  private cardOf(connection: string): ConnectionCard {
    const known = this.named.get(connection);
    const left = (text: string): void => this.adding?.say(text);
    const card = known ?? new ConnectionCard({ ...this.options, connection, left });
    this.named.set(connection, card);
    return card;
  }

  private takeAway(kept: Set<string>): void {
    for (const [connection, card] of this.named) {
      if (!kept.has(connection)) {
        card.forget();
        this.named.delete(connection);
      }
    }
  }
}

/** Say whether a connection is one that somebody has named. */
export function isNamed({ connection }: Key): boolean {
  return !ORDER.includes(connection);
}
