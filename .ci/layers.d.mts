export declare const layers: Readonly<Record<string, readonly string[]>>;
export declare function layerOf(place: string): string;
