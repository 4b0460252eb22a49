import type { Operation } from './calls.ts';
import type { Source } from './deployed-driver.ts';
import type { Summary } from './summary.ts';

const barred: readonly Operation[] = [
  'no-op call',
  'republish unchanged',
  'unpublish',
  'republish, new token',
  'first publish',
  'publish, registry-config',
];
const colours: Readonly<Record<Source, string>> = { kubernetes: '#326ce5', directory: '#9aa5b1' };
const names: Readonly<Record<Source, string>> = { kubernetes: 'API server', directory: 'directory' };

interface Bar {
  readonly label: string;
  readonly values: readonly { readonly source: Source; readonly value: number }[];
}

/** SVG documents by name, drawn from the medians alone. */
export function chartsOf(summaries: Readonly<Record<Source, Summary>>): Readonly<Record<string, string>> {
  const sources = Object.keys(summaries) as Source[];
  const bars = (labels: readonly string[], valueOf: (summary: Summary, index: number) => number): Bar[] =>
    labels.map((label, index) => ({
      label,
      values: sources.map((source) => ({ source, value: valueOf(summaries[source], index) })),
    }));
  return {
    calls: barChart(
      'Time of a call on a shared connection; a call that does nothing takes 1 (median)',
      bars(barred, ({ calls }, index) => calls.shared[barred[index]!].ratio),
    ),
    growth: barChart(
      'Time of a first publish by the number of volumes mounted; with 10 it is 1 (median)',
      bars(
        summaries.kubernetes.growth.map(({ mounted }) => `${mounted} mounted`),
        ({ growth }, index) => growth[index]!.ratio,
      ),
    ),
  };
}

const [width, left, barHeight, gap, top] = [720, 170, 12, 14, 56];

function barChart(title: string, bars: readonly Bar[]): string {
  const rowHeight = (bars[0]?.values.length ?? 0) * barHeight + gap;
  const height = top + bars.length * rowHeight + 8;
  const largest = Math.max(...bars.flatMap(({ values }) => values.map(({ value }) => value)));
  const scale = (width - left - 60) / largest;
  const rows = bars.flatMap(({ label, values }, row) => {
    const y = top + row * rowHeight;
    return [
      text(left - 8, y + (rowHeight - gap) / 2 + 4, label, 'end'),
      ...values.flatMap(({ source, value }, index) => [
        `<rect x="${left}" y="${y + index * barHeight}" width="${(value * scale).toFixed(1)}" height="${barHeight - 2}" fill="${colours[source]}"/>`,
        text(left + value * scale + 6, y + index * barHeight + 9, value.toFixed(2), 'start', 10),
      ]),
    ];
  });
  const legend = (bars[0]?.values ?? []).flatMap(({ source }, index) => [
    `<rect x="${left + index * 120}" y="34" width="10" height="10" fill="${colours[source]}"/>`,
    text(left + index * 120 + 16, 43, names[source], 'start'),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(16, 22, title, 'start', 14),
    ...legend,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}

function text(x: number, y: number, content: string, anchor: 'start' | 'end', size = 12): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" text-anchor="${anchor}" fill="#24292f">${content}</text>`;
}
