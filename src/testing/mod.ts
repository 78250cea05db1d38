/**
 * What tests of your own protocols need: the laws of codecs, checked.
 *
 * @module
 */

export { CodecLawError, verifyCodec, type VerifyCodecOptions } from "./verify_codec.ts";
