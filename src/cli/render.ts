import { isUtf8 } from 'node:buffer';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { serveFlags } from '../driver/config.js';
import { describeFlags, flag, parseFlags, required, text } from '../process/flags.js';
import { DirectoryConnectors } from '../connectors/directory-connectors.js';
import { runRenderJob } from '../driver/content/render-job.js';
import { TemplateRenderer } from '../driver/content/template-renderer.js';
import type { VolumeContent } from '../driver/content/volume-content.js';
import { renderVolumeContent } from '../driver/content/volume-content.js';
import { planVolume } from '../driver/content/volume-plan.js';
import { CodedError } from '../errors.js';
import { silentLog } from '../log.js';
import { Secret } from '../secret.js';
import { paramsOf, parseVolumeAttributes } from '../driver/volume/attributes.js';
import type { Call } from '../limits/call.js';
import type { VolumeFile } from '../driver/volume/ports.js';
import type { Command } from './command.js';
import { ProxyCaFile } from '../driver/proxy-ca-file.js';

/** Replaces the token; valid in every format. */
const placeholderToken = 'TOKEN-PLACEHOLDER';

const renderFlags = {
  manifests: required('DIR', 'directory of YAML manifests: Connector, ConnectorClass', text),
  connectors: required('LIST', 'attribute "connectors" of the volume', text),
  namespace: flag('default', 'NAME', 'namespace of the pod', text),
  'configuration-names': flag('', 'LIST', 'attribute "configuration.names"', (written) => written),
  'configuration-params': flag('', 'JSON', 'attribute "configuration.params"', (written) => written),
  token: flag(placeholderToken, 'T', 'token to render with', text),
  out: flag('', 'DIR', 'write the files there instead of to standard output', (written) => written),
  'default-proxy-url': serveFlags['default-proxy-url'],
  'no-proxy': serveFlags['no-proxy'],
  'proxy-ca-file': serveFlags['proxy-ca-file'],
} as const;

type RenderConfig = { readonly [Name in keyof typeof renderFlags]: ReturnType<(typeof renderFlags)[Name]['parse']> };

/**
 * `render`: shows the files that a pod would see, for authors of ConnectorClasses. It needs no mount and no cluster.
 */
export const render: Command = {
  summary: 'show the files that a pod would see, without mount and cluster',
  usage: `Usage: connectors-csi render --manifests DIR --connectors LIST [flags]\n\nFlags:\n${describeFlags(renderFlags)}\n`,
  run: async ({ args, env, stdout, stderr, stopped }) => {
    const config = parseFlags(renderFlags, args, env) as RenderConfig;
    const { files, warnings } = await renderFiles(config, stopped);
    for (const warning of warnings) stderr(`warning: ${warning}\n`);
    if (config.out === '') stdout(files.map(asText).join(''));
    else writeFiles(config.out, files);
    return 0;
  },
};

async function renderFiles(config: RenderConfig, signal: AbortSignal): Promise<VolumeContent> {
  const { attributes, problems } = parseVolumeAttributes(volumeAttributes(config), config.namespace, {
    maxTokenExpirationMs: Infinity,
  });
  if (problems.length > 0) throw new CodedError('INVALID_ARGUMENT', problems.join('; '));
  const source = new DirectoryConnectors({
    directory: config.manifests,
    namespace: config.namespace,
    notFoundWaitMs: 0,
    log: silentLog,
  });
  const call: Call = { owner: { namespace: '', podUid: '' }, signal, releaseSlotWhile: (wait) => wait() };
  const resolved = await source.resolve(attributes.connectors, call).catch((error: unknown) => {
    throw withConnectorsThere(error, source);
  });
  const problem = source.brokenFiles()[0];
  if (problem !== undefined) throw new CodedError('FAILED_PRECONDITION', problem);
  const caFile = config['proxy-ca-file'];
  const defaults = {
    noProxy: config['no-proxy'],
    audience: '',
    proxyUrl: config['default-proxy-url'],
    caBundle: caFile === undefined ? undefined : new ProxyCaFile(caFile, silentLog).read(),
  };
  const plan = planVolume(resolved, attributes.includedConfigurations, defaults);
  return renderVolumeContent(
    {
      ...attributes,
      configurationParams: paramsOf(attributes),
      volumeId: `render ${config.connectors}`,
      plan,
      tokenFor: () => new Secret(config.token),
    },
    defaults,
    new TemplateRenderer({
      clock: () => Date.now(),
      observer: () => undefined,
      runWithTimeout: (work) => work(),
      elsewhere: (job) => Promise.resolve(runRenderJob(job)),
    }),
    call,
  );
}

/** Adds the connectors of the manifests to a not-found error: usually --namespace is missing. */
function withConnectorsThere(error: unknown, source: DirectoryConnectors): unknown {
  const names = source.connectorNames();
  if (!(error instanceof CodedError) || error.code !== 'NOT_FOUND' || names.length === 0) return error;
  return new CodedError('NOT_FOUND', `${error.message}; the manifests have ${names.join(', ')}`);
}

function volumeAttributes(config: RenderConfig): Readonly<Record<string, string>> {
  return {
    connectors: config.connectors,
    ...(config['configuration-names'] === '' ? {} : { 'configuration.names': config['configuration-names'] }),
    ...(config['configuration-params'] === '' ? {} : { 'configuration.params': config['configuration-params'] }),
  };
}

function asText({ name, content }: VolumeFile): string {
  const body = isUtf8(content) ? Buffer.from(content).toString() : `(${content.length} bytes)`;
  return `==> ${name}\n${body}${body === '' || body.endsWith('\n') ? '' : '\n'}`;
}

function writeFiles(directory: string, files: readonly VolumeFile[]): void {
  try {
    mkdirSync(directory, { recursive: true });
    for (const { name, content } of files) {
      const file = path.join(directory, name);
      // The files can contain a real token. An existing file would keep its mode, and a link would lead elsewhere.
      rmSync(file, { force: true });
      writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
    }
  } catch (error) {
    throw new CodedError('FAILED_PRECONDITION', `--out ${directory} cannot be written`, { cause: error });
  }
}
