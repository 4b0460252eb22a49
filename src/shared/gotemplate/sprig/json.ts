import type { ByteString } from '../byte-string.ts';
import { GoError, goFunction, stepsPerFailure, type CallContext, type GoFunction } from '../function.ts';
import type { GoValue } from '../values.ts';
import { decodeJson } from './json-decode.ts';
import { encodeJson, type JsonStyle } from './json-encode.ts';

const any = 'interface {}';

const styles: Readonly<Record<string, JsonStyle>> = {
  Json: { escapeHtml: true, indent: '' },
  PrettyJson: { escapeHtml: true, indent: '  ' },
  RawJson: { escapeHtml: false, indent: '' },
};

/** toJson and toPrettyJson give the empty string where they cannot encode; toRawJson and the `must` forms fail. */
function encoder(name: string, style: JsonStyle): GoFunction {
  const fails = name.startsWith('must') || name === 'toRawJson';
  return goFunction({ name, params: [any] }, (context, value): ByteString => {
    try {
      return encodeJson(context, value, style);
    } catch (error) {
      context.charge(stepsPerFailure);
      if (error instanceof GoError && !fails) return '';
      throw error;
    }
  });
}

function fromJson(context: CallContext, text: ByteString): GoValue {
  try {
    return decodeJson(context, text).value;
  } catch (error) {
    context.charge(stepsPerFailure);
    if (error instanceof GoError) return null;
    throw error;
  }
}

function mustFromJson(context: CallContext, text: ByteString): GoValue {
  const { value, error } = decodeJson(context, text);
  if (error !== undefined) throw error;
  return value;
}

export const jsonFunctions: readonly GoFunction[] = [
  ...Object.entries(styles).flatMap(([name, style]) => [encoder(`to${name}`, style), encoder(`mustTo${name}`, style)]),
  goFunction({ name: 'fromJson', params: ['string'], result: any }, fromJson),
  goFunction({ name: 'mustFromJson', params: ['string'], result: any }, mustFromJson),
];
