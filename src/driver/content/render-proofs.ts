import { isDeepStrictEqual } from 'node:util';
import type { Budget } from '../../gotemplate/budget.js';
import type { JsonObject } from '../../json.js';
import type { Connector } from '../../connectors/model.js';
import type { VolumeFile } from '../volume/ports.js';
import type { SelectedConfiguration } from './configuration-selection.js';

/** All that a render depends on but the token. */
export interface RenderSubject {
  /** Never empty. */
  readonly selected: readonly SelectedConfiguration[];
  /** Of each of them. */
  readonly params: readonly JsonObject[];
  readonly caBundle: string | undefined;
}

export interface Proof {
  /** How many steps the render took when it was last watched, and some more. */
  readonly steps: number;
  /** In the order of rendering, what every render of the subject has alike; undefined: it is each one's own. */
  readonly sharedFiles: readonly (VolumeFile | undefined)[];
}

interface Kept {
  readonly subject: RenderSubject;
  readonly proof: Proof;
}

/** What a render may take beyond what the same one took before: a token may be longer. */
const slackFactor = 1.25;
const slackSteps = 500;

/** Of one connector: pods that use it mostly ask for the same of its class. */
const maxKeptEach = 4;

/**
 * Bytes of shared files that are kept, several times what a node's classes make. Past it all are forgotten; and one volume
 * with much is not worth that.
 */
const maxSharedBytes = 1 << 20;
const maxSharedBytesEach = maxSharedBytes >> 4;

/**
 * What is known of renders from the last time that they were watched: that they take no time worth watching, and which of
 * their files are the same for every volume. Most volumes differ from one before in nothing but the token. A render that
 * reads the time or draws random numbers proves nothing.
 */
export class RenderProofs {
  #kept = new WeakMap<Connector, readonly Kept[]>();
  #sharedBytes = 0;

  /** Undefined: the render is to be watched. */
  of(subject: RenderSubject): Proof | undefined {
    return this.#keptOf(subject).find((kept) => isSame(kept.subject, subject))?.proof;
  }

  /** @param sharedFiles see Proof; of a whole render of the subject within the budget. */
  add(subject: RenderSubject, { steps, isRepeatable }: Budget, sharedFiles: Proof['sharedFiles']): void {
    const connector = connectorOf(subject);
    if (connector === undefined || !isRepeatable) return;
    const proof = { steps: steps * slackFactor + slackSteps, sharedFiles: this.#counted(sharedFiles) };
    const others = this.#keptOf(subject).filter((kept) => !isSame(kept.subject, subject));
    this.#kept.set(connector, [{ subject, proof }, ...others].slice(0, maxKeptEach));
  }

  #keptOf(subject: RenderSubject): readonly Kept[] {
    const connector = connectorOf(subject);
    return (connector && this.#kept.get(connector)) ?? [];
  }

  /** In memory of their own: a few bytes of a pool would keep all of it. */
  #counted(files: Proof['sharedFiles']): Proof['sharedFiles'] {
    const bytes = files.reduce((sum, file) => sum + (file?.content.length ?? 0), 0);
    if (bytes > maxSharedBytesEach) return [];
    this.#sharedBytes += bytes;
    if (this.#sharedBytes > maxSharedBytes) {
      this.#kept = new WeakMap();
      this.#sharedBytes = bytes;
    }
    return files.map((file) => file && { name: file.name, content: new Uint8Array(file.content) });
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
