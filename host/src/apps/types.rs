//! Types of files by the end of their names. Nothing is guessed from content, here or in the browser.

/// The type of a file of an app. What a browser would open with a program of its own is a plain download.
pub fn by_name(name: &str) -> &'static str {
    let Some((_, ending)) = name.rsplit_once('.') else { return OTHER };
    match ending.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "ico" => "image/x-icon",
        "mp3" => "audio/mpeg",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "m4a" => "audio/mp4",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "ogv" => "video/ogg",
        "wasm" => "application/wasm",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        _ => OTHER,
    }
}

const OTHER: &str = "application/octet-stream";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_come_from_names_alone() {
        assert_eq!(by_name("index.html"), "text/html; charset=utf-8");
        assert_eq!(by_name("a.b/C.JS"), "text/javascript; charset=utf-8");
        assert_eq!(by_name("module.wasm"), "application/wasm");
        assert_eq!((by_name("paper.pdf"), by_name("none"), by_name("")), (OTHER, OTHER, OTHER));
    }
}
