import { isDeepStrictEqual } from 'node:util';
import type { Budget } from '../../gotemplate/budget.js';
import type { JsonObject } from '../../json.js';
import type { Connector } from '../../connectors/model.js';
import type { SelectedConfiguration } from './configuration-selection.js';

/** All that a render depends on but the token. */
export interface RenderSubject {
  /** Never empty. */
  readonly selected: readonly SelectedConfiguration[];
  /** Of each of them. */
  readonly params: readonly JsonObject[];
  readonly caBundle: string | undefined;
}

interface Proof extends RenderSubject {
  readonly steps: number;
}

/** What a render may take beyond what the same one took before: a token may be longer. */
const slackFactor = 1.25;
const slackSteps = 500;

/**
 * Renders that have shown that they take no time worth watching: most volumes differ from one before in nothing but
 * the token. One that reads the time or draws random numbers proves nothing.
 */
export class RenderProofs {
  readonly #proofs = new WeakMap<Connector, Proof>();

  /** How many steps the render took when it was last watched, and some more; undefined: it is to be watched. */
  stepsOf(subject: RenderSubject): number | undefined {
    const connector = connectorOf(subject);
    const proof = connector && this.#proofs.get(connector);
    if (proof === undefined || !isSame(proof, subject)) return undefined;
    return proof.steps * slackFactor + slackSteps;
  }

  add(subject: RenderSubject, { steps, isRepeatable }: Budget): void {
    const connector = connectorOf(subject);
    if (connector !== undefined && isRepeatable) this.#proofs.set(connector, { ...subject, steps });
  }
}

/** Objects are replaced when they change, and what is proved of one goes with it. */
function connectorOf({ selected }: RenderSubject): Connector | undefined {
  return selected[0]?.group.connectors[0];
}

function isSame(a: RenderSubject, b: RenderSubject): boolean {
  return (
    a.selected.length === b.selected.length &&
    a.caBundle === b.caBundle &&
    a.selected.every(({ group, configuration }, index) => {
      const other = b.selected[index];
      return (
        configuration === other?.configuration &&
        group.connectorClass === other.group.connectorClass &&
        group.connectors.length === other.group.connectors.length &&
        group.connectors.every((connector, at) => connector === other.group.connectors[at])
      );
    }) &&
    isDeepStrictEqual(a.params, b.params)
  );
}
