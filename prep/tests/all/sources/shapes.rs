//! labelme, Supervisely and the VGG Image Annotator.

use prep::source::Format;
use prep::source::layouts::shapes;

use super::annotated::{assert_says, detected, error, listing, objects};
use super::rows;

#[test]
fn labelme_files_give_boxes_around_shapes() {
    let text = r#"{"version": "5.0", "shapes": [
        {"label": "bird", "points": [[20, 30], [60, 10]], "shape_type": "rectangle"},
        {"label": "nest", "points": [[1, 1], [5, 2], [3, 9]], "shape_type": "polygon"},
        {"label": "egg", "points": [[10, 10], [13, 14]], "shape_type": "circle"},
        {"label": "eye", "points": [[10, 10]], "shape_type": "point"}],
        "imagePath": "..\\images\\0.jpg", "imageData": null, "imageHeight": 80, "imageWidth": 96}"#;
    let found = listing("labelme", &[("0.json", text), ("0.jpg", ""), ("1.jpg", "")], shapes::read);
    assert_eq!(
        (found.format, rows(&found)),
        (Format::Shapes, vec!["0.jpg - -".to_owned(), "1.jpg - -".into()])
    );
    let wanted = [
        (Some("bird"), [20.0, 10.0, 40.0, 20.0]),
        (Some("nest"), [1.0, 1.0, 4.0, 8.0]),
        (Some("egg"), [5.0, 5.0, 10.0, 10.0]),
    ];
    assert_eq!(objects(&found, &found.pictures[0]), wanted);
    assert_eq!(found.pictures[0].drawn_on, Some([96.0, 80.0]));
}

#[test]
fn supervisely_files_lie_in_a_folder_beside_the_pictures() {
    let text = r#"{"description": "", "size": {"height": 80, "width": 96}, "tags": [], "objects": [
        {"classTitle": "bird", "geometryType": "rectangle", "points": {"exterior": [[20, 10], [60, 30]], "interior": []}}]}"#;
    let found =
        listing("supervisely", &[("ds/ann/0.jpg.json", text), ("ds/img/0.jpg", "")], shapes::read);
    assert_eq!(rows(&found), ["img/0.jpg bird -"]);
    assert_eq!(objects(&found, &found.pictures[0]), [(Some("bird"), [20.0, 10.0, 40.0, 20.0])]);
}

#[test]
fn via_names_all_pictures_in_one_file() {
    let project =
        |inner: &str| format!("{{\"_via_settings\": {{}}, \"_via_img_metadata\": {inner}}}");
    let inner = r#"{"0.jpg123": {"filename": "0.jpg", "size": 123, "file_attributes": {}, "regions": [
        {"shape_attributes": {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}, "region_attributes": {"class": "bird"}},
        {"shape_attributes": {"name": "polygon", "all_points_x": [1, 5, 3], "all_points_y": [1, 2, 9]}, "region_attributes": {"class": {"bird": true}}}]},
        "1.jpg9": {"filename": "1.jpg", "size": 9, "regions": {"0": {"shape_attributes": {"name": "circle", "cx": 5, "cy": 5, "r": 2}, "region_attributes": {}}}}}"#;
    for text in [inner.to_owned(), project(inner)] {
        let found = detected(
            "via",
            &[("via_region_data.json", text.as_str()), ("0.jpg", ""), ("1.jpg", "")],
        );
        assert_eq!(rows(&found), ["0.jpg bird -", "1.jpg - -"]);
        assert_eq!(
            objects(&found, &found.pictures[0]),
            [(Some("bird"), [1.0, 2.0, 3.0, 4.0]), (Some("bird"), [1.0, 1.0, 4.0, 8.0])]
        );
        assert_eq!(objects(&found, &found.pictures[1]), [(None, [3.0, 3.0, 4.0, 4.0])]);
    }
}

#[test]
fn errors_name_the_file() {
    assert_says(
        &error("labelme-cut", &[("0.json", "{\"shapes\": ["), ("0.jpg", "")], shapes::read),
        &["0.json", "JSON"],
    );
    let two =
        [("a.json", r#"{"shapes": [], "imagePath": "x.jpg"}"#), ("p/x.jpg", ""), ("q/x.jpg", "")];
    assert_says(&error("labelme-two", &two, shapes::read), &["a.json", "p/x.jpg", "q/x.jpg"]);
    assert_says(
        &error("labelme-none", &[("a.json", "{}")], shapes::read),
        &["labelme", "--format"],
    );
}
