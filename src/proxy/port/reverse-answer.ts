import { authorityOf } from '../upstream/tool-origin.js';
import type { ToolAddress } from '../credential/tool-address.js';

export interface ReverseView {
  /** The tool's address that the request went to. */
  readonly address: ToolAddress;
  /** `/namespaces/NS/connectors/NAME`. */
  readonly prefix: string;
  /** `http://HOST` as the client calls the proxy. */
  readonly base: string;
}

/** Rewrites what leads the client to the tool, so that it leads to the proxy: `Location`, `Link`, the realms of challenges. */
export function rewriteAnswer(headers: readonly string[], view: ReverseView): string[] {
  return headers.map((text, at) => {
    if (at % 2 === 0) return text;
    switch (headers[at - 1]?.toLowerCase()) {
      case 'location':
      case 'content-location':
        return rewriteUrl(text, view, '');
      case 'link':
        return text.replaceAll(/<([^>]*)>/g, (_whole, url: string) => `<${rewriteUrl(url, view, '')}>`);
      case 'www-authenticate':
        // Clients take a realm for a whole URL or not at all.
        return text.replaceAll(/(\brealm=")([^"]*)"/gi, (_whole, name: string, realm: string) =>
          /^https?:/i.test(realm) ? `${name}${rewriteUrl(realm, view, view.base)}"` : `${name}${realm}"`,
        );
      default:
        return text;
    }
  });
}

/** URLs of other hosts stay: they are not the Connector's. */
function rewriteUrl(url: string, { address, prefix }: ReverseView, base: string): string {
  const [, authority, path = ''] = /^(?:https?:)?\/\/([^/?#]*)(.*)$/i.exec(url) ?? [];
  if (authority !== undefined) {
    if (
      authority.toLowerCase() !== authorityOf(address) &&
      authority.toLowerCase() !== `${address.host}:${address.port}`
    ) {
      return url;
    }
  } else if (!url.startsWith('/')) return url;
  const absolute = authority === undefined ? url : path.startsWith('/') ? path : `/${path}`;
  if (address.path !== '' && absolute !== address.path && !absolute.startsWith(`${address.path}/`)) return url;
  const rest = absolute.slice(address.path.length);
  // Registries' clients want /v2/ first.
  const isRegistry = rest === '/v2' || rest.startsWith('/v2/') || rest.startsWith('/v2?');
  return isRegistry ? `${base}/v2${prefix}${rest.slice('/v2'.length)}` : `${base}${prefix}${rest}`;
}
