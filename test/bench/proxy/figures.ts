import { median, rounded } from '../publish/statistics.js';
import type { MeasuredWay, WayName } from './ways.js';
import { wayNames } from './ways.js';

/** One row of the table: what, each round's figure for each way, and medians of them. */
export interface Figure {
  readonly what: string;
  readonly rounds: Readonly<Partial<Record<WayName, readonly number[]>>>;
  readonly medians: Readonly<Partial<Record<WayName, number>>>;
  /** The proxy's to Squid's of the same round, the median of all rounds. */
  readonly ratio: number | undefined;
}

/** Gathers what is measured, round by round. */
export class Figures {
  readonly #values = new Map<string, Map<WayName, number[]>>();

  readonly note = (what: string, { name }: MeasuredWay, value: number): void => {
    const ofWhat = this.#values.get(what) ?? new Map<WayName, number[]>();
    this.#values.set(what, ofWhat);
    ofWhat.set(name, [...(ofWhat.get(name) ?? []), value]);
  };

  get all(): readonly Figure[] {
    return [...this.#values].map(([what, ways]) => {
      const squid = ways.get('Squid') ?? [];
      const ratios = (ways.get('proxy') ?? []).map((value, round) => value / (squid[round] ?? Number.NaN));
      return {
        what,
        rounds: Object.fromEntries([...ways].map(([name, values]) => [name, values.map(rounded)])),
        medians: Object.fromEntries([...ways].map(([name, values]) => [name, rounded(median(values))])),
        ratio: squid.length === 0 ? undefined : rounded(median(ratios)),
      };
    });
  }

  /** As a table in Markdown. */
  get table(): string {
    const rows = this.all.map(({ what, medians, ratio }) => [
      what,
      ...wayNames.map((name) => textOf(medians[name])),
      ratio?.toFixed(2) ?? '',
    ]);
    const head = [
      ['', ...wayNames, 'proxy to Squid'],
      ['---', ...wayNames.map(() => '---:'), '---:'],
    ];
    return [...head, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
  }
}

function textOf(value: number | undefined): string {
  return value === undefined ? '' : Number(value.toPrecision(3)).toString();
}
