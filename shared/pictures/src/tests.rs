use proptest::prelude::*;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::*;

fn ramp(width: u32, height: u32) -> Picture {
    let pixels = (0..width * height * 3).map(|i| (i * 37 % 251) as u8).collect();
    Picture { width, height, channels: 3, pixels }
}

fn jpeg_of(picture: &Picture) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90)
        .write_image(&picture.pixels, picture.width, picture.height, ExtendedColorType::Rgb8)
        .expect("encode");
    bytes
}

#[test]
fn a_caption_without_room_is_cut_where_it_shows() {
    for (text, letters, expected) in [
        ("12345", 5, "12345"),
        ("123456", 5, "123.."),
        ("gull", 2, ".."),
        ("gull", 1, ""),
        ("", 0, ""),
    ] {
        assert_eq!(caption_fitting(text, caption_width(&"0".repeat(letters))), expected);
    }
}

#[test]
fn a_png_holds_the_same_pixels() {
    let picture = ramp(13, 7);
    assert_eq!(
        Picture::decode(&picture.to_png().expect("encode"), &Limits::default()).expect("decode"),
        picture
    );
}

#[test]
fn every_truncation_of_a_png_or_jpeg_is_refused() {
    for bytes in [ramp(20, 20).to_png().expect("encode"), jpeg_of(&ramp(20, 20))] {
        assert!(Picture::decode(&bytes, &Limits::default()).is_ok());
        // The last twelve bytes of a PNG are its empty end chunk, the last two of a JPEG its end
        // marker: without them all pixels are there.
        let end = bytes.len() - if bytes[1] == b'P' { 12 } else { 2 };
        for cut in 0..end {
            assert!(
                Picture::decode(&bytes[..cut], &Limits::default()).is_err(),
                "cut at {cut} of {}",
                bytes.len()
            );
        }
    }
}

#[test]
fn what_would_take_too_much_memory_is_refused_by_its_header() {
    let png = ramp(100, 100).to_png().expect("encode");
    let jpeg = jpeg_of(&ramp(100, 100));
    let tight = Limits { bytes: 20_000 };
    for bytes in [png, jpeg] {
        assert!(matches!(
            Picture::decode(&bytes, &tight),
            Err(PictureError::TooLarge { width: 100, height: 100, .. })
        ));
    }
}

#[test]
fn other_formats_are_named() {
    let error =
        |bytes: &[u8]| Picture::decode(bytes, &Limits::default()).expect_err("decoded").to_string();
    let named: [(&[u8], &str); 11] = [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "video (MP4)"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0isom", "the raw format of a camera (CR3)"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI", "CgBI (Apple's variant of PNG)"),
        (b"\xff\x0a....", "JPEG XL"),
        (b"8BPS", "PSD"),
        (b"%PDF-1.7", "PDF"),
        (b"RIFF....AVI LIST", "video (AVI)"),
        (b"<?xml version='1.0'?><svg>", "SVG"),
        (b"\x93NUMPY", "a NumPy array as a picture"),
    ];
    for (bytes, name) in named {
        assert_eq!(
            error(bytes),
            format!("{name} is not read; PNG, JPEG, WebP, BMP, GIF, TIFF and PNM are")
        );
    }
    assert_eq!(error(b"hello, world"), "not a picture (it begins \"hello, w\")");
    assert_eq!(error(b""), "not a picture (it is empty, 0 bytes)");
    assert_eq!(error(&[0; 20]), "not a picture (its 20 bytes are all zero)");
    assert_eq!(error(b"P5 is a text"), "not a picture (it begins \"P5 is a \")");
}

/// The markers of a JPEG's segments with their places, up to the scan.
fn segments(jpeg: &[u8]) -> Vec<usize> {
    let (mut at, mut found) = (2, Vec::new());
    loop {
        found.push(at);
        if jpeg[at + 1] == 0xda {
            return found;
        }
        at += 2 + usize::from(jpeg[at + 2]) * 256 + usize::from(jpeg[at + 3]);
    }
}

#[test]
fn bytes_between_the_segments_of_a_jpeg_are_passed_over() {
    let jpeg = jpeg_of(&ramp(40, 24));
    let expected = Picture::decode(&jpeg, &Limits::default()).expect("decode");
    for at in segments(&jpeg).into_iter().chain([jpeg.len() - 2]) {
        for garbage in [&[0; 7][..], &[0xff, 0, 0x12], b"garbage", &[0xff, 0xff, 0xff], &[0x0a]] {
            let with = [&jpeg[..at], garbage, &jpeg[at..]].concat();
            assert_eq!(
                Picture::decode(&with, &Limits::default()).expect("decode"),
                expected,
                "{garbage:?} at {at}"
            );
        }
    }
}

#[test]
fn a_jpeg_without_its_end_marker_is_read_if_all_data_are_there() {
    let jpeg = jpeg_of(&ramp(40, 24));
    let expected = Picture::decode(&jpeg, &Limits::default()).expect("decode");
    for without in [&jpeg[..jpeg.len() - 2], &jpeg[..jpeg.len() - 1]] {
        assert_eq!(Picture::decode(without, &Limits::default()).expect("decode"), expected);
    }
    // Also where the window is above what is missing.
    let cut = &jpeg[..jpeg.len() - 6];
    let file = PictureFile::open(cut).expect("open");
    let error = file
        .decode(Window { left: 0, top: 0, width: 8, height: 8 }, &Canvas::default())
        .expect_err("decoded");
    assert_eq!(error.to_string(), "damaged: its data end early");
}

/// A BMP of version 4 with two pixels of these opacities.
fn bmp(alpha: [u8; 2]) -> Vec<u8> {
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut bytes =
        [&b"BM"[..], &words(&[122 + 8, 0, 122, 108, 2, 1, 32 << 16 | 1, 3, 8, 0, 0, 0, 0])]
            .concat();
    bytes.extend(words(&[0xff_0000, 0xff00, 0xff, 0xff00_0000, 0x7352_4742]));
    bytes.resize(122, 0);
    bytes.extend([30, 20, 10, alpha[0], 60, 50, 40, alpha[1]]);
    bytes
}

#[test]
fn a_bmp_whose_opacity_is_all_zero_is_opaque() {
    let decoded = |alpha| Picture::decode(&bmp(alpha), &Limits::default()).expect("decode").pixels;
    assert_eq!(decoded([0, 0]), [10, 20, 30, 40, 50, 60]);
    assert_eq!(decoded([255, 255]), [10, 20, 30, 40, 50, 60]);
    // One visible pixel means that the other is meant to be invisible.
    assert_eq!(decoded([0, 255]), [255, 255, 255, 40, 50, 60]);
}

#[test]
fn pnm_is_read_as_text_and_binary() {
    let decoded = |bytes: &[u8]| Picture::decode(bytes, &Limits::default()).expect("decode");
    assert_eq!(decoded(b"P6 2 1 255\n\x01\x02\x03\x04\x05\x06").pixels, [1, 2, 3, 4, 5, 6]);
    assert_eq!(decoded(b"P3\n# drawn\n2 1\n255\n1 2 3 4 5 6\n").pixels, [1, 2, 3, 4, 5, 6]);
    assert_eq!(decoded(b"P5 2 1 255\n\x07\x08").pixels, [7, 7, 7, 8, 8, 8]);
    assert_eq!(decoded(b"P5 2 1 65535\n\x01\x01\xff\xff").pixels, [1, 1, 1, 255, 255, 255]);
    assert_eq!(decoded(b"P2 2 1 15 0 15").pixels, [0, 0, 0, 255, 255, 255]);
    assert_eq!(decoded(b"P4 2 1\n\x40").pixels, [255, 255, 255, 0, 0, 0]);
    let limits = Limits { bytes: 1 << 20 };
    for bytes in [
        &b"P6 60000 60000 255\n"[..],
        b"P6 0 1 255\n",
        b"P6 2 2 255\n\x01",
        b"P6 2",
        b"P5 1 1 0\n\0",
    ] {
        let error = Picture::decode(bytes, &limits).expect_err("decoded").to_string();
        assert!(error.contains("60000x60000") || error.starts_with("damaged: it"), "{error}");
    }
}

/// A TIFF of one strip. A tag has its number, the kind of its values (3: 16 bits, 4: 32 bits) and
/// them.
fn tiff(little: bool, tags: &[(u16, u16, &[u32])], strip: &[u8]) -> Vec<u8> {
    let two = |n: u32| if little { (n as u16).to_le_bytes() } else { (n as u16).to_be_bytes() };
    let four = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
    let mut tags: Vec<(u16, u16, Vec<u32>)> =
        tags.iter().map(|(tag, kind, values)| (*tag, *kind, values.to_vec())).collect();
    let mut rest = 8 + 2 + 12 * (tags.len() + 2) + 4;
    tags.extend([(273, 4, vec![rest as u32]), (279, 4, vec![strip.len() as u32])]);
    tags.sort();
    let mut file = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
    file.extend(four(8));
    file.extend(two(tags.len() as u32));
    let mut behind = strip.to_vec();
    rest += strip.len();
    for (tag, kind, values) in tags {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|&value| if kind == 3 { two(value).to_vec() } else { four(value).to_vec() })
            .collect();
        file.extend([&two(tag.into())[..], &two(kind.into()), &four(values.len() as u32)].concat());
        if bytes.len() > 4 {
            file.extend(four(rest as u32));
            rest += bytes.len();
            behind.extend(bytes);
        } else {
            file.extend(bytes.iter().copied().chain([0; 4]).take(4));
        }
    }
    file.extend(four(0));
    file.extend(behind);
    file
}

#[test]
fn tiff_is_read_in_both_orders_of_bytes() {
    let decoded = |bytes: &[u8]| Picture::decode(bytes, &Limits::default()).expect("decode").pixels;
    for little in [true, false] {
        let of = |bits: &[u32], photometric: u32, more: &[(u16, u16, &[u32])], strip: &[u8]| {
            let samples = [bits.len() as u32];
            let mut tags = vec![
                (256, 3, &[2][..]),
                (257, 3, &[1]),
                (258, 3, bits),
                (262, 3, std::slice::from_ref(&photometric)),
            ];
            tags.extend([(259, 3, &[1][..]), (277, 3, &samples), (278, 3, &[1])]);
            tags.extend(more);
            tiff(little, &tags, strip)
        };
        let two = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        assert_eq!(decoded(&of(&[8, 8, 8], 2, &[], &[1, 2, 3, 4, 5, 6])), [1, 2, 3, 4, 5, 6]);
        assert_eq!(decoded(&of(&[8], 1, &[], &[7, 8])), [7, 7, 7, 8, 8, 8]);
        assert_eq!(decoded(&of(&[8], 0, &[], &[0, 255])), [255, 255, 255, 0, 0, 0]);
        assert_eq!(decoded(&of(&[1], 1, &[], &[0x40])), [0, 0, 0, 255, 255, 255]);
        assert_eq!(decoded(&of(&[1], 0, &[], &[0x40])), [255, 255, 255, 0, 0, 0]);
        assert_eq!(
            decoded(&of(&[16], 1, &[], &[two(257), two(65535)].concat())),
            [1, 1, 1, 255, 255, 255]
        );
        assert_eq!(
            decoded(&of(&[8; 4], 2, &[(338, 3, &[2])], &[1, 2, 3, 255, 4, 5, 6, 0])),
            [1, 2, 3, 255, 255, 255]
        );
        assert_eq!(
            decoded(&of(&[8; 4], 5, &[], &[0, 255, 0, 0, 0, 0, 0, 255])),
            [255, 0, 255, 0, 0, 0]
        );
        // Turned by a quarter, as a camera says it.
        let turned = of(&[8], 1, &[(274, 4, &[6])], &[7, 8]);
        let upright = Picture::decode(&turned, &Limits::default()).expect("decode");
        assert_eq!((upright.width, upright.height), (1, 2));
        let raw = Picture::decode(&of(&[8], 1, &[(254, 4, &[1])], &[7, 8]), &Limits::default())
            .expect_err("decoded");
        assert!(raw.to_string().starts_with("the raw format of a camera"), "{raw}");
    }
}

#[test]
fn a_tiff_that_claims_too_much_or_is_cut_is_refused() {
    let huge = tiff(
        true,
        &[
            (256, 4, &[60_000]),
            (257, 4, &[60_000]),
            (258, 3, &[8]),
            (259, 3, &[1]),
            (262, 3, &[1]),
            (277, 3, &[1]),
            (278, 4, &[60_000]),
        ],
        &[0],
    );
    assert!(matches!(
        Picture::decode(&huge, &Limits::default()),
        Err(PictureError::TooLarge { .. })
    ));
    let whole = tiff(
        true,
        &[
            (256, 3, &[2]),
            (257, 3, &[1]),
            (258, 3, &[8]),
            (259, 3, &[1]),
            (262, 3, &[1]),
            (277, 3, &[1]),
            (278, 3, &[1]),
        ],
        &[7, 8],
    );
    for cut in 0..whole.len() {
        let error =
            Picture::decode(&whole[..cut], &Limits::default()).expect_err("decoded").to_string();
        assert!(!error.contains("Error") && !error.contains("::"), "{error}");
    }
}

#[test]
fn a_grid_places_pictures_row_by_row() {
    let cells: Vec<Picture> = (1..=3).map(|i| Picture::filled(2, 2, 1, i * 10)).collect();
    let sheet = grid(&cells, 2, 1);
    assert_eq!((sheet.width, sheet.height, sheet.channels), (7, 7, 1));
    let at = |x: usize, y: usize| sheet.pixels[y * 7 + x];
    assert_eq!([at(0, 0), at(1, 1), at(4, 1), at(1, 4), at(4, 4)], [255, 10, 20, 30, 255]);
    assert_eq!(grid(&[], 8, 2).pixels.len(), 4 * 2);
}

#[test]
fn a_grey_picture_in_a_coloured_grid_becomes_grey_rgb() {
    let sheet = grid(&[Picture::filled(1, 1, 1, 7), Picture::filled(1, 1, 3, 9)], 2, 0);
    assert_eq!(sheet.pixels, [7, 7, 7, 9, 9, 9]);
}

#[test]
fn enlarging_repeats_pixels() {
    let small = Picture { width: 2, height: 1, channels: 1, pixels: vec![1, 2] };
    assert_eq!(small.enlarge(2).pixels, [1, 1, 2, 2, 1, 1, 2, 2]);
}

#[test]
fn a_caption_is_drawn_within_the_picture() {
    let mut sheet = Picture::filled(40, 9, 3, 0);
    sheet.draw_text("epoch 12\u{e9}", 1, 1, 1, [255, 200, 0]);
    let lit = sheet.pixels.chunks_exact(3).filter(|p| *p == [255, 200, 0]).count();
    assert!(lit > 60, "{lit}");
    assert_eq!(caption_width("ab"), 11);
    // Only a letter with a tail reaches below the line, whose last row is the seventh.
    let lowest = |text: &str| {
        let mut line = Picture::filled(30, CAPTION_HEIGHT + 2, 1, 0);
        line.draw_text(text, 0, 0, 1, [255; 3]);
        line.pixels.chunks(30).rposition(|row| row.contains(&255))
    };
    assert_eq!((lowest("Gkx9"), lowest("gp"), lowest("qy")), (Some(6), Some(7), Some(7)));
    let mut tiny = Picture::filled(3, 3, 1, 0);
    tiny.draw_text("W", 1, 1, 3, [255; 3]);
    assert_eq!(tiny.pixels, [0, 0, 0, 0, 255, 255, 0, 255, 255]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_damaged_picture_never_makes_the_decoder_fall(at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<prop::sample::Index>(), png in any::<bool>()) {
        let mut bytes = if png { ramp(24, 24).to_png().expect("encode") } else { jpeg_of(&ramp(24, 24)) };
        let i = at.index(bytes.len());
        bytes[i] = value;
        bytes.truncate(bytes.len() - cut.index(bytes.len()) / 8);
        if let Ok(picture) = Picture::decode(&bytes, &Limits::default()) {
            prop_assert_eq!(picture.pixels.len(), picture.stride() * picture.height as usize);
        }
    }
}
