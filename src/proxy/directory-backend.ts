import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../shared/clock.ts';
import { CodedError } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import { Secret } from '../shared/secret.ts';
import type { ProxyBackend } from './backend.ts';
import type { ProxyConfig } from './config.ts';
import { jwksTokenVerifier } from './auth/jwks-token-verifier.ts';
import type { CaSource, CertificateAuthority } from './certificates/certificate-authority.ts';
import { caProblem, createCa, parseCa } from './certificates/certificate-authority.ts';
import { manifestSources } from './manifest-sources.ts';

/**
 * Returns the backend for `--connector-source directory`: everything from manifests, for demonstrations and for
 * machines without a cluster.
 */
export function directoryBackend(
  config: ProxyConfig,
  directory: string,
  jwksFile: string,
  clock: Clock,
  log: Log,
): ProxyBackend {
  const { namespace, 'token-audience': audience, 'ca-dir': caDirectory } = config;
  const { sources, directory: source } = manifestSources(directory, namespace, log);
  const tokens = jwksTokenVerifier(jwksFile, audience, clock);
  const ca = caIn(caDirectory, clock);
  return {
    ...sources,
    tokens,
    ca,
    identity: () => (caProblem(ca) === undefined ? ca.current().certificate : undefined),
    apiServerEndpoints: () => [],
    status: undefined,
    load: () => ({ bytes: 0, rejected: 0, unconfirmedMs: 0 }),
    start: () => {
      const reason = `tokens, permissions and credentials are those of --jwks-file ${jwksFile} and --manifests ${directory}, not of a cluster`;
      log.warn('Running without a cluster', { reason });
      // Creates a missing CA, for programs that read its file.
      const problem = caProblem(ca);
      if (problem !== undefined) log.error('CA not available', { reason: problem });
    },
    stop: () => undefined,
    problem: () => source.problem() ?? tokens.problem(),
  };
}

/** Returns the CA in a directory, which is created if missing, or one that ends with the process. */
function caIn(directory: string | undefined, clock: Clock): CaSource {
  let ca: CertificateAuthority | undefined;
  const read = (): CertificateAuthority =>
    directory === undefined ? parseCa(createCa(clock), 'the CA in memory') : readCa(directory, clock);
  return { current: () => (ca ??= read()) };
}

/** @throws {CodedError} FAILED_PRECONDITION if the files cannot be read or written. */
function readCa(directory: string, clock: Clock): CertificateAuthority {
  const certificate = path.join(directory, 'tls.crt');
  const key = path.join(directory, 'tls.key');
  try {
    if (!existsSync(certificate) && !existsSync(key)) {
      const pem = createCa(clock);
      mkdirSync(directory, { recursive: true });
      writeFileSync(key, pem.key.expose(), { mode: 0o600, flag: 'wx' });
      writeFileSync(certificate, pem.certificate, { mode: 0o644 });
    }
    const pem = { certificate: readFileSync(certificate, 'utf8'), key: new Secret(readFileSync(key, 'utf8')) };
    return parseCa(pem, `--ca-dir ${directory}`);
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw new CodedError('FAILED_PRECONDITION', `the CA in --ca-dir ${directory} cannot be used`, { cause: error });
  }
}
