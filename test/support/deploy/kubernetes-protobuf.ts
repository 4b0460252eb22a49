import protobuf from 'protobufjs';

/** Of Kubernetes' message types, as much as the Secrets of Helm have. */
const root = protobuf.parse(`
  syntax = "proto3";
  message TypeMeta { string apiVersion = 1; string kind = 2; }
  message Unknown { TypeMeta typeMeta = 1; bytes raw = 2; }
  message ObjectMeta {
    string name = 1;
    string namespace = 3;
    string resourceVersion = 6;
    map<string, string> labels = 11;
  }
  message Secret { ObjectMeta metadata = 1; map<string, bytes> data = 2; string type = 3; }
`).root;
/** What a body in this form begins with. */
const magic = Buffer.from('k8s\0');

/** The object in the body of a request, which is in JSON, YAML or the protobuf of Kubernetes; there, of a Secret. */
export function objectIn(body: Buffer, parse: (text: string) => unknown): unknown {
  if (!body.subarray(0, magic.length).equals(magic)) return parse(body.toString());
  const { typeMeta, raw } = decoded('Unknown', body.subarray(magic.length)) as {
    readonly typeMeta: object;
    readonly raw: string;
  };
  return { ...typeMeta, ...decoded('Secret', Buffer.from(raw, 'base64')) };
}

function decoded(name: string, bytes: Buffer): object {
  const type = root.lookupType(name);
  return type.toObject(type.decode(bytes), { bytes: String });
}
