import { jsonMembers, jsonText, jsonTexts, parseJson } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { limits } from '../limits/defaults.ts';
import type { FairSemaphore } from '../limits/fair-semaphore.ts';
import { driverItself } from './api-request-limiter.ts';
import type { CallOptions, CallRunner, CallTarget } from './call-runner.ts';
import { KubeError } from './kube-error.ts';
import { parseIfAdmitted, parseRawObject } from './object-admission.ts';
import type { ObjectAdmission, RejectedObject } from './object-admission.ts';
import type { ResourceLocation, ResourceType } from './resource-location.ts';
import { malformed, objectOfKind, parseText, readSuccess } from './response-body.ts';

/** Objects of a collection. */
export interface ObjectSelection {
  /** Name of one object; absent: all. */
  readonly name?: string;
  /** Selector as `key=value`; absent: all labels. */
  readonly labelSelector?: string;
}

/** A part of a list. */
export interface KubeListPage {
  /** Revision of the whole list, from which a watch continues. */
  readonly resourceVersion: string;
  /** Token of the next page; undefined if this is the last one. */
  readonly next: string | undefined;
  /** Objects with `apiVersion`, `kind`, `metadata.name` and `metadata.resourceVersion`, and without managed fields. */
  readonly items: readonly JsonObject[];
  /** Objects that exist but were not admitted. */
  readonly rejected: readonly RejectedObject[];
  /** Size of the response. */
  readonly readBytes: number;
}

const { envelopeBytes, largestBytes, pageBytes, pageLength } = limits.objects;
/** A page that is too large is read again with a part of its objects. The next pages grow by the same factor. */
const stepOfLength = 4;

/**
 * Yields the pages of a list, all of one revision. Each object has a limit, their number and sum have none. A page has as
 * many objects as fill half of its limit, by their size in the last page. An object that is too large for a page is read
 * alone, to learn its name and the token of the next page.
 * @param largeReads permits one such read at a time.
 * @throws {KubeError} also 410 if the server has compacted the revision, which takes five minutes. List from the start
 * then: a list of 10,000 objects takes seconds. The list without `limit` that client-go falls back to would have no limit
 * of its size.
 */
export async function* listPages(
  runner: CallRunner,
  largeReads: FairSemaphore,
  location: ResourceLocation,
  selection: ObjectSelection,
  { admission, ...options }: CallOptions & { readonly admission: ObjectAdmission },
): AsyncGenerator<KubeListPage> {
  const objectBytes = admission.maxObjectBytes + envelopeBytes;
  // The server can return one name from its cache, if the list has no limit.
  const isOne = selection.name !== undefined;
  let length: number = isOne ? 1 : pageLength;
  let next: string | undefined;
  const read = (maxBytes: number): Promise<KubeListPage> => {
    const query = listQuery(selection, {
      ...(isOne ? {} : { limit: String(length) }),
      ...(next === undefined ? {} : { continue: next }),
    });
    // A failed page would cost the pages before it.
    const retry = next !== undefined || options.retry !== false;
    const target: CallTarget = { verb: 'list', location, query };
    return runner.run(
      target,
      undefined,
      { ...options, retry, isIdempotent: true },
      async (response, path, credential) => {
        const bytes = await readSuccess(response, path, credential, maxBytes);
        const page = parseText(bytes, 200, path, (text) => parsePage(text, location.type, admission, path));
        return { ...page, readBytes: bytes.length };
      },
    );
  };
  for (;;) {
    let page = await unlessTooLarge(read(isOne ? objectBytes : Math.max(objectBytes, pageBytes)));
    if (page === undefined && length > 1) {
      length = Math.ceil(length / stepOfLength);
      continue;
    }
    page ??= await largeReads.run(options.owner ?? driverItself, options.signal, () => read(largestBytes));
    yield page;
    ({ next } = page);
    if (next === undefined) return;
    const meanBytes = page.readBytes / Math.max(1, page.items.length + page.rejected.length);
    length = Math.max(1, Math.min(pageLength, length * stepOfLength, Math.floor(pageBytes / 2 / meanBytes)));
  }
}

/** Returns the query with its question mark; empty without parameters. */
export function listQuery(
  { name, ...selection }: ObjectSelection,
  parameters: Readonly<Record<string, string>>,
): string {
  const fieldSelector = name === undefined ? {} : { fieldSelector: `metadata.name=${name}` };
  const text = new URLSearchParams({ ...parameters, ...fieldSelector, ...selection }).toString();
  return text === '' ? '' : `?${text}`;
}

async function unlessTooLarge<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof KubeError && error.reason === 'TooLarge') return undefined;
    throw error;
  }
}

/** @throws {SyntaxError} for text that is not JSON. */
function parsePage(
  text: string,
  type: ResourceType,
  admission: ObjectAdmission,
  path: string,
): Omit<KubeListPage, 'readBytes'> {
  const members = jsonMembers(text);
  const items = (members.get('items') ?? 'null').trim();
  members.delete('items');
  const list = Object.fromEntries([...members].map(([key, value]) => [key, parseJson(value)]));
  objectOfKind(list, `${type.kind}List`, path);
  const resourceVersion = jsonText(list['metadata'], 'resourceVersion');
  if (resourceVersion === undefined) throw malformed(200, path, 'metadata.resourceVersion of the list is missing');
  if (!items.startsWith('[') && items !== 'null') throw malformed(200, path, 'items of the list is no list');
  const admitted = (items === 'null' ? [] : jsonTexts(items)).map((item) =>
    parseIfAdmitted(parseRawObject(item, type.kind, path), type, admission),
  );
  return {
    resourceVersion,
    next: jsonText(list['metadata'], 'continue'),
    items: admitted.flatMap(({ object }) => (object === undefined ? [] : [object])),
    rejected: admitted.flatMap(({ rejected }) => (rejected === undefined ? [] : [rejected])),
  };
}
