import { CodedError } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/json.ts';
import { listedInQuotes } from '../../shared/message-text.ts';
import type { Secret } from '../../shared/secret.ts';
import { driverLimits } from '../limits.ts';
import type { VolumeFile, PublishSlot } from '../publish/ports.ts';
import { builtInFiles } from './built-in-files.ts';
import type { RenderedFiles } from './render-job.ts';
import type { ConfigurationRenderer } from './template-renderer.ts';
import type { ProxyDefaults } from './proxy-endpoint.ts';
import type { VolumePlan } from './volume-plan.ts';

const { files: maxFiles, bytes: maxTotalBytes } = driverLimits.volume;

/** The operator's settings for all volumes of the node. */
export interface ContentDefaults extends ProxyDefaults {
  readonly noProxy: string;
  /** CA bundle in PEM for proxies whose address has none. */
  readonly caBundle: string | undefined;
}

export interface ContentRequest {
  readonly volumeId: string;
  readonly plan: VolumePlan;
  /** Returns the token for an audience of the plan. */
  readonly tokenFor: (audience: string) => Secret;
  readonly includedConfigurations: readonly string[];
  readonly excludedFiles: readonly string[];
  readonly configurationParams: JsonObject;
}

/**
 * Renders and checks a volume in memory, before the file system is touched. The files are sorted by name:
 *
 * 1. Add the built-in files.
 * 2. Add the selected configurations; later files replace earlier ones.
 * 3. Remove the excluded names.
 * 4. Check the limits.
 *
 * @throws {CodedError} see proxyUrl and ConfigurationRenderer; RESOURCE_EXHAUSTED over the limits.
 */
export async function renderVolumeContent(
  request: ContentRequest,
  defaults: ContentDefaults,
  renderer: ConfigurationRenderer,
  slot: PublishSlot,
): Promise<RenderedFiles> {
  const { volumeId, plan, tokenFor } = request;
  const { endpoint } = plan;
  const caBundle = endpoint?.caCerts ?? defaults.caBundle;

  const files = new Map<string, VolumeFile>();
  const put = (file: VolumeFile): unknown => files.set(file.name, file);
  const token = tokenFor(plan.audience);
  builtInFiles({ volumeId, endpoint, token, caBundle, noProxy: defaults.noProxy }).forEach(put);

  const tokenOf = (className: string): Secret => tokenFor(plan.classAudiences.get(className) ?? plan.audience);
  const rendered = await renderer.render({ ...request, resolved: plan.resolved, tokenOf, caBundle }, slot);
  rendered.files.forEach(put);

  const absent = request.excludedFiles.filter((name) => !files.delete(name));
  const warnings = [...rendered.warnings, ...absentFileWarnings(absent)];
  return { files: withinLimits(files), warnings };
}

/** Returns one warning for all names: a volume can name thousands, and each warning is a log line. */
function absentFileWarnings(names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const which = names.length === 1 ? 'which is not' : 'which are not';
  return [`attribute "configuration.names" excludes ${listedInQuotes(names)}, ${which} in the mount`];
}

function withinLimits(files: ReadonlyMap<string, VolumeFile>): readonly VolumeFile[] {
  const sorted = [...files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const totalBytes = sorted.reduce((sum, file) => sum + file.content.byteLength, 0);
  if (sorted.length > maxFiles || totalBytes > maxTotalBytes) {
    const message = `the volume would hold ${sorted.length} files of ${totalBytes} bytes in all; at most ${maxFiles} files and ${maxTotalBytes} bytes are allowed: select fewer configurations or exclude files with !FILE`;
    throw new CodedError('RESOURCE_EXHAUSTED', message);
  }
  return sorted;
}

/** Returns the only file of a volume whose approval was rejected: a google.rpc.Status as JSON (docs/approval.md). */
export function rejectionContent(message: string, details: readonly JsonObject[]): RenderedFiles {
  const permissionDenied = 7;
  const status = JSON.stringify({ code: permissionDenied, message, details });
  return { files: [{ name: '.error.json', content: Buffer.from(`${status}\n`) }], warnings: [] };
}
