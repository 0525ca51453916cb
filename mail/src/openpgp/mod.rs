//! Keys, certificates with relay lists, Autocrypt, encryption and decryption (RFC 9580).
