//! The response headers that a continued download depends on.

use ureq::http::HeaderMap;

/// The value of a header, if it is text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The first byte and the total size in `bytes 100-199/200`; a size of `*` is unknown.
pub(crate) fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) = header(headers, "content-range")?.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()))
}

/// Identifies the version of the file. A weak ETag does not: files with the same weak ETag may differ in their bytes.
pub(crate) fn validator(headers: &HeaderMap) -> Option<String> {
    let etag = header(headers, "etag").filter(|etag| !etag.starts_with("W/"));
    etag.or_else(|| header(headers, "last-modified")).map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn content_ranges_are_parsed_with_and_without_a_size() {
        let range = |text| content_range(&headers(&[("content-range", text)]));
        assert_eq!(range("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(range("bytes 0-9/*"), Some((0, None)));
        assert_eq!(range("items 0-9/10"), None);
        assert_eq!(range("bytes */10"), None);
    }

    #[test]
    fn a_strong_etag_is_preferred_to_a_date_and_a_weak_one_is_not() {
        let date = ("last-modified", "Wed, 01 Jan 2020 00:00:00 GMT");
        assert_eq!(validator(&headers(&[("etag", "\"a\""), date])).unwrap(), "\"a\"");
        assert_eq!(validator(&headers(&[("etag", "W/\"a\""), date])).unwrap(), date.1);
        assert_eq!(validator(&headers(&[])), None);
    }
}
