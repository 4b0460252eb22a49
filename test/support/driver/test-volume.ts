import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { NodePublishVolumeRequest } from '../../../src/driver/csi/generated/csi/v1/NodePublishVolumeRequest.ts';
import { pathsWith, readVolume } from '../host/kubelet-dir.ts';
import { mountsBelow } from '../mounts.ts';
import type { TokenOwner } from './tokens.ts';
import { kubeletTokens, tokenFor } from './tokens.ts';

export interface VolumeIdentity extends Partial<TokenOwner> {
  readonly volumeName?: string;
}

/** What a valid request differs in from the usual one. */
export interface RequestChanges {
  /** The pod author's attributes, in place of `connectors: harbor`. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** In place of a token of the pod; null: the kubelet passes none. */
  readonly token?: string | null;
  /** Entries of `volume_context` to set; undefined takes one out. */
  readonly context?: Readonly<Record<string, string | undefined>>;
  /** Fields of the message. */
  readonly fields?: NodePublishVolumeRequest;
}

export const tokensKey = 'csi.storage.k8s.io/serviceAccount.tokens';

/** One pod's volume as the kubelet knows it. */
export class TestVolume {
  readonly pod: TokenOwner;
  readonly volumeId: string;
  readonly parent: string;
  readonly target: string;
  /** What the kubelet passes until it renews. */
  token: string;

  constructor(kubeletDir: string, { volumeName = 'connectors', ...identity }: VolumeIdentity = {}) {
    this.pod = {
      namespace: 'ci',
      name: 'build-pod',
      serviceAccountName: 'builder',
      uid: randomUUID(),
      ...identity,
    };
    const { uid } = this.pod;
    this.volumeId = `csi-${createHash('sha256').update(`${uid}${volumeName}`).digest('hex')}`;
    this.parent = path.join(kubeletDir, 'pods', uid, 'volumes', 'kubernetes.io~csi', volumeName);
    this.target = path.join(this.parent, 'mount');
    this.token = tokenFor(this.pod);
  }

  /** What the kubelet makes before it calls. */
  prepare(): void {
    fs.mkdirSync(this.parent, { recursive: true, mode: 0o755 });
    fs.writeFileSync(path.join(this.parent, 'vol_data.json'), '{}');
  }

  renewToken(): string {
    return (this.token = tokenFor(this.pod));
  }

  /** The one valid request, with the changes of a test. */
  publishRequest(changes: RequestChanges = {}): NodePublishVolumeRequest {
    const token = changes.token === undefined ? this.token : changes.token;
    const context = {
      'csi.storage.k8s.io/pod.namespace': this.pod.namespace,
      'csi.storage.k8s.io/pod.name': this.pod.name,
      'csi.storage.k8s.io/pod.uid': this.pod.uid,
      'csi.storage.k8s.io/serviceAccount.name': this.pod.serviceAccountName,
      'csi.storage.k8s.io/ephemeral': 'true',
      ...(token === null ? {} : { [tokensKey]: kubeletTokens(token) }),
      ...(changes.attributes ?? { connectors: 'harbor' }),
      ...changes.context,
    };
    return {
      volume_id: this.volumeId,
      target_path: this.target,
      readonly: true,
      volume_capability: { mount: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } },
      volume_context: definedEntries(context),
      ...changes.fields,
    };
  }

  /** The files that the pod sees. */
  read(): Record<string, string> {
    return readVolume(this.target);
  }

  /** The paths of all files of the volume, also such as no link leads to, that hold the text. */
  pathsWith(text: string): string[] {
    return pathsWith(this.target, text);
  }

  /** The name of the revision that readers see. */
  revision(): string {
    return fs.readlinkSync(path.join(this.target, '..data'));
  }

  isMounted(): boolean {
    return mountsBelow(this.target).length > 0;
  }

  /** What is in the directory that the kubelet made. */
  kubeletEntries(): string[] {
    return fs.readdirSync(this.parent).sort();
  }
}

function definedEntries(record: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
