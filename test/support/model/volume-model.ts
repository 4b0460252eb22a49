import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { TestVolume } from '../driver/test-volume.ts';
import type { ExpectedState } from './expected-state.ts';
import { readRevision } from './revision-reader.ts';
import type { Outcome } from './outcome.ts';
import { isUnknown } from './outcome.ts';
import type { SourceName, Versions } from './sources.ts';
import type { VersionedSources } from './versioned-sources.ts';
import { attributesOf, isMountable, neededBy, shownBy, told, volumeKinds } from './volume-kinds.ts';
import type { Shown, VolumeKind } from './volume-kinds.ts';

/** A call after which a volume is mounted or not, when it is not known how it ended: `maybe`. */
type MountedState = 'no' | 'yes' | 'maybe';

/** What there was when a publish began. */
export interface PublishBegin {
  readonly token: string;
  /** The oldest states that the driver could take for the present ones. */
  readonly known: Versions;
}

/** What is expected of one volume. */
export class VolumeModel {
  readonly volume: TestVolume;
  readonly kind: VolumeKind;
  /** Index in volumeKinds. */
  readonly kindIndex: number;
  /** Its account has no right to any connector. */
  readonly isStranger: boolean;
  mounted: MountedState = 'no';
  /** Of calls that may have succeeded; what is mounted has one of these. */
  #tokens = new Set<string>();
  /** The oldest states that its files may show: they never go back. */
  #shown: Readonly<Partial<Versions>> = {};
  /** The driver that runs has published it. */
  #isRemembered = false;
  /** An unpublish that did not end may have removed its files. The kubelet repeats it. */
  #mayBeEmptied = false;
  /** The driver may still be at a call that its caller has given up. */
  mayBeBusy = false;
  /** Of the token that the kubelet has. */
  isTokenExpired = false;

  constructor(volume: TestVolume, kindIndex: number, isStranger: boolean) {
    this.volume = volume;
    this.kindIndex = kindIndex;
    this.kind = volumeKinds[kindIndex]!;
    this.isStranger = isStranger;
  }

  get attributes(): Readonly<Record<string, string>> {
    const attributes = attributesOf(this.kind);
    return this.isStranger ? { ...attributes, connectors: `ci/${attributes['connectors'] ?? ''}` } : attributes;
  }

  /** Judges the end of a publish, and what is mounted after it. @param now the versions of the sources. */
  published(outcome: Outcome, { token, known }: PublishBegin, expected: ExpectedState, now: Versions): void {
    if (isUnknown(outcome)) {
      this.unknownEnd(token);
      return;
    }
    const where = `${this.told()}: ${outcome.code} ${outcome.message}`;
    assert.ok(this.#mayEndWith(outcome, expected), `not to be expected: ${where}`);
    this.mayBeBusy = false;
    if (outcome.code === 'OK') {
      this.mounted = 'yes';
      this.#mayBeEmptied = false;
      this.#tokens = new Set([token]);
      this.#isRemembered = true;
      const { versions } = this.look(now, where);
      for (const [name, version] of Object.entries(versions) as [SourceName, number][]) {
        assert.ok(version >= known[name], `${where}: ${name} ${version}, known was ${known[name]}`);
      }
      expected.seen(versions);
      return;
    }
    if (outcome.message.startsWith('refresh failed, the mounted files are kept')) {
      assert.notEqual(this.mounted, 'no', `${where}: it was not mounted`);
      this.mounted = 'yes';
    } else {
      assert.notEqual(this.mounted, 'yes', `${where}: it was mounted`);
      // A driver that was killed may have left a directory, which is not this call's to remove.
      assert.ok(!this.volume.isMounted() || this.#isEmptied, `${where}: it is mounted`);
    }
    this.look(now, where);
  }

  /** A publish whose end is not known. */
  unknownEnd(token: string): void {
    if (this.mounted === 'no') this.mounted = 'maybe';
    this.#tokens.add(token);
    this.mayBeBusy = true;
  }

  /** Judges the end of an unpublish, which has no reason to fail. */
  unpublished(outcome: Outcome): void {
    if (isUnknown(outcome)) {
      this.unpublishBroken();
      return;
    }
    assert.equal(outcome.code, 'OK', `${this.told()}: unpublish: ${outcome.message}`);
    this.mounted = 'no';
    this.#mayBeEmptied = false;
    this.#tokens.clear();
    this.#shown = {};
    this.#isRemembered = false;
    this.mayBeBusy = false;
    this.assertGone('after unpublish');
  }

  unpublishBroken(): void {
    if (this.mounted === 'yes') this.mounted = 'maybe';
    this.#mayBeEmptied = true;
    this.mayBeBusy = true;
  }

  /** Looks at what is mounted: whole, of states that it may show, or nothing at all. */
  look(now: Versions, where: string): Shown {
    const isThere = this.mounted !== 'no' && this.volume.isMounted();
    assert.ok(!isThere || !this.isStranger, `${where}: it is mounted`);
    if (this.mounted === 'yes') assert.ok(isThere, `${where}: it is not mounted any more`);
    if (!isThere) {
      if (this.mounted === 'no') this.assertGone(where);
      return { token: '', versions: {} };
    }
    if (this.#isEmptied) return { token: '', versions: {} };
    const shown = this.#read(where);
    assert.ok(this.#tokens.has(shown.token), `${where}: a token of a call that failed, or none that was passed`);
    for (const [name, version] of Object.entries(shown.versions) as [SourceName, number][]) {
      const from = this.#shown[name] ?? 0;
      assert.ok(version >= from && version <= now[name], `${where}: ${name} ${version}, not ${from} to ${now[name]}`);
    }
    this.#shown = shown.versions;
    return shown;
  }

  driverReplaced(): void {
    this.mayBeBusy = false;
    this.#isRemembered = false;
  }

  /** Whether the driver will renew it by itself. */
  mayRenew(sources: VersionedSources): boolean {
    if (this.mounted !== 'yes' || !this.#isRemembered || this.mayBeBusy) return false;
    return isMountable(this.kind, sources);
  }

  /** In what its files are not of what is there now. */
  staleness(now: Versions): string | undefined {
    const shown = this.look(now, this.told());
    const isCurrent = Object.entries(shown.versions).every(([name, version]) => now[name as SourceName] === version);
    return isCurrent ? undefined : `${this.told()} shows ${told(shown)}`;
  }

  assertGone(where: string): void {
    const { parent } = this.volume;
    if (!fs.existsSync(parent)) return;
    assert.deepEqual(fs.readdirSync(parent), ['vol_data.json'], `${this.told()} ${where}: something is left`);
  }

  told(): string {
    return `${this.isStranger ? "a stranger's " : ''}volume of ${this.kind.connectors.join(', ')} (mounted: ${this.mounted})`;
  }

  /** Whether an unpublish that did not end has removed the files. */
  get #isEmptied(): boolean {
    return this.#mayBeEmptied && !fs.existsSync(path.join(this.volume.target, '..data'));
  }

  #read(where: string): Shown {
    // The writer may have gone on twice since the link was read.
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const files = readRevision(this.volume.target);
      if (files !== undefined) return shownBy(this.kind, files);
    }
    throw new Error(`${where}: it is mounted and cannot be read`);
  }

  #mayEndWith({ code, message }: Outcome, expected: ExpectedState): boolean {
    const isExpired = this.isTokenExpired;
    const needed = neededBy(this.kind);
    const isSeveral = this.kind.connectors.length > 1;
    const mayFail =
      isExpired ||
      expected.hasFault ||
      this.mayBeBusy ||
      needed.some((name) => expected.mayBeAbsent(name)) ||
      (isSeveral && expected.mayForbidSeveral);
    if (code === 'OK') {
      const maySucceed = needed.every((name) => expected.mayExist(name)) && (!isSeveral || expected.mayAllowSeveral);
      return maySucceed && !isExpired && !this.isStranger;
    }
    if (message.startsWith('refresh failed, ')) return code === 'UNAVAILABLE' && mayFail && this.mounted !== 'no';
    if (this.mounted === 'yes') return false;
    if (code === 'PERMISSION_DENIED') return this.isStranger;
    if (code === 'NOT_FOUND') return !this.isStranger && needed.some((name) => expected.mayBeAbsent(name));
    if (code === 'FAILED_PRECONDITION') {
      return (
        expected.hasFault || (isSeveral && expected.mayForbidSeveral && message.includes('enable-multi-connector'))
      );
    }
    if (code === 'UNAVAILABLE') return isExpired || expected.hasFault;
    return code === 'ABORTED' && this.mayBeBusy;
  }
}
