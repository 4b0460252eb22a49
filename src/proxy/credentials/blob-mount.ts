import { proxyLimits } from '../limits.ts';
import { canonicalParameterName } from '../rules/overrides.ts';
import { percentDecoded, LenientPath } from '../rules/request-path.ts';
import { withParameters } from '../tool/query-parameters.ts';
import { isRepositoryName } from './registry/registry-api.ts';

const names: ReadonlySet<string> = new Set(['mount', 'from']);
const plainUploads = /^(.*?\/v2)\/(.+)\/blobs\/uploads\/?$/;
const digest = /^[a-z0-9+._-]+:[\w=-]+$/i;

/**
 * Returns the path of a request to a registry without a mount that reads what the client cannot read. A push to one
 * repository can mount a blob of another one, and the client can then pull it. Without `mount` and `from`, the registry
 * starts an ordinary upload. In another spelling of the path than the usual one, they are always removed.
 * @param path with the query.
 * @param isReadable reports whether the client can GET a path.
 */
export function withReadableMount(method: string, path: string, isReadable: (path: string) => boolean): string {
  const start = path.indexOf('?');
  if (method !== 'POST' || start === -1) return path;
  const pathname = path.slice(0, start);
  if (!new LenientPath(pathname).endsAt('/blobs/uploads')) return path;
  const { parameters: most } = proxyLimits.rules;
  const parameters = path.slice(start + 1).split(/[&;]/, most + 1);
  if (parameters.length > most) return pathname;
  const found = parameters.filter((each) => names.has(canonicalParameterName(each.split('=', 1)[0] ?? '')));
  if (found.length === 0) return path;
  const [mount = '', from = ''] = [...names].map((name) => valueOf(name, found));
  const [, root = '', repository = ''] = plainUploads.exec(pathname) ?? [];
  const isSafe = found.length === 2 && digest.test(mount) && [repository, from].every(isRepositoryName);
  const isMount = isSafe && isReadable(`${root}/${from}/blobs/${mount}`);
  // Written again, so that no registry finds other values.
  return withParameters(
    path,
    names,
    isMount
      ? [
          ['mount', mount],
          ['from', from],
        ]
      : [],
  );
}

function valueOf(name: string, parameters: readonly string[]): string {
  return percentDecoded(parameters.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? '');
}
