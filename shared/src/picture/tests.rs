use proptest::prelude::*;

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
    for (text, letters, expected) in
        [("12345", 5, "12345"), ("123456", 5, "123.."), ("gull", 2, ".."), ("gull", 1, ""), ("", 0, "")]
    {
        assert_eq!(caption_fitting(text, caption_width(&"0".repeat(letters))), expected);
    }
}

#[test]
fn a_png_holds_the_same_pixels() {
    let picture = ramp(13, 7);
    assert_eq!(Picture::decode(&picture.to_png().expect("encode"), &Limits::default()).expect("decode"), picture);
}

#[test]
fn every_truncation_of_a_png_or_jpeg_is_refused() {
    for bytes in [ramp(20, 20).to_png().expect("encode"), jpeg_of(&ramp(20, 20))] {
        assert!(Picture::decode(&bytes, &Limits::default()).is_ok());
        // The last twelve bytes of a PNG are its empty end chunk: without them all pixels are there.
        let end = bytes.len() - if bytes[1] == b'P' { 12 } else { 0 };
        for cut in 0..end {
            assert!(Picture::decode(&bytes[..cut], &Limits::default()).is_err(), "cut at {cut} of {}", bytes.len());
        }
    }
}

#[test]
fn what_would_take_too_much_memory_is_refused_by_its_header() {
    let png = ramp(100, 100).to_png().expect("encode");
    let jpeg = jpeg_of(&ramp(100, 100));
    let tight = Limits { bytes: 20_000 };
    for bytes in [png, jpeg] {
        assert!(matches!(Picture::decode(&bytes, &tight), Err(PictureError::TooLarge { width: 100, height: 100, .. })));
    }
}

#[test]
fn other_formats_are_named() {
    let error = Picture::decode(b"II*\0....", &Limits::default()).expect_err("decoded");
    assert_eq!(error.to_string(), "TIFF is not read; PNG, JPEG, WebP, BMP and GIF are");
    assert!(matches!(Picture::decode(b"hello", &Limits::default()), Err(PictureError::UnknownFormat { .. })));
    assert!(Picture::decode(b"", &Limits::default()).is_err());
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
