import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { toolAuthority } from '../../support/proxy/tool-server.ts';
import { deployedProxy } from './deployed-proxy.ts';
import type { ToolLogin } from './deployed-proxy.ts';
import { SquidBump } from './squid-bump.ts';
import type { MeasuredWay, WayName } from './ways.ts';

/** A way whose process has just begun. */
export interface StartedWay extends MeasuredWay {
  readonly stop: () => Promise<void>;
  /** The end of its log. */
  readonly lastWords: () => string;
}

interface WayOptions {
  /** Where Squid keeps its files, in a folder that everybody can enter. */
  readonly directory: string;
  readonly host: string;
  /** Of the tool. */
  readonly port: number;
  readonly pair: { readonly certificate: string; readonly key: string };
  readonly login: ToolLogin;
  /** Words before each program. */
  readonly entering: readonly string[];
  /** The program of the older build. */
  readonly before: string | undefined;
}

/** Starts what is measured. */
export async function startWay(name: WayName, options: WayOptions): Promise<StartedWay> {
  const { host, port, directory, entering, login, pair } = options;
  const tool = { name, host, port, authority: toolAuthority.certificate };
  if (name === 'no proxy') {
    return { ...tool, proxy: undefined, pid: undefined, stop: () => Promise.resolve(), lastWords: () => '' };
  }
  if (name === 'bare relay') {
    const [program, ...words] = [...entering, process.execPath];
    const script = path.join(import.meta.dirname, 'bare-relay.mjs');
    const args = [script, String(port), host, pair.certificate, pair.key, toolAuthority.certificate];
    const relay = spawn(program, [...words, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [relayPort] = (await once(relay.stdout, 'data')) as [Buffer];
    const proxy = { port: Number(relayPort), login: 'anybody:' };
    return { ...tool, pid: relay.pid, proxy, stop: () => end(relay), lastWords: () => '' };
  }
  if (name === 'Squid') {
    const basic = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
    const squid = await SquidBump.start(directory, host, 'bench bench', basic, entering);
    const { process: child, authority } = squid;
    return {
      ...{ ...tool, authority, pid: child.pid, proxy: { port: squid.port, login: 'bench:bench' } },
      stop: () => end(child),
      lastWords: () => readFileSync(path.join(directory, 'cache.log'), 'utf8').slice(-2_000),
    };
  }
  const main = name === 'before' ? { main: options.before ?? '' } : {};
  const deployed = await deployedProxy(host, port, login, { entering, ...main });
  const { proxy, authority, stop } = deployed;
  const lastWords = (): string => proxy.log.slice(-2_000);
  return { ...tool, authority, pid: proxy.pid, proxy: { port: proxy.port, login: deployed.login }, stop, lastWords };
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
