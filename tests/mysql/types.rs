//! Every type with its extreme values, read back to the byte.

use crate::support::{Asker, Database};

const MADE: &str = r#"
CREATE TABLE kinds (
  id INT PRIMARY KEY,
  flag TINYINT(1), tiny TINYINT UNSIGNED, small SMALLINT, medium MEDIUMINT UNSIGNED,
  whole INT UNSIGNED, padded INT(10) ZEROFILL, big BIGINT, ubig BIGINT UNSIGNED,
  bit1 BIT(1), bit9 BIT(9), bit64 BIT(64),
  dec65 DECIMAL(65,30), dec0 DECIMAL(65,0), decz DECIMAL(10,2) ZEROFILL,
  f FLOAT, d DOUBLE,
  day DATE, clock TIME(6), moment DATETIME(6), stamp TIMESTAMP(3) NULL, y YEAR,
  c CHAR(5), latin VARCHAR(20) CHARACTER SET latin1, bin VARCHAR(20) COLLATE utf8mb4_bin,
  three VARCHAR(20) CHARACTER SET utf8mb3, wide TEXT CHARACTER SET utf16, long_text LONGTEXT,
  bytes VARBINARY(20), fixed BINARY(4), lump LONGBLOB,
  e ENUM('a,b','it''s','back\\slash','', 'é'), s SET('x','y','z'),
  doc JSON, checked LONGTEXT CHECK (JSON_VALID(checked)),
  point POINT, shape GEOMETRY
) CHARACTER SET utf8mb4;
INSERT INTO kinds VALUES (1,
  1, 255, -32768, 16777215, 4294967295, 7, -9223372036854775808, 18446744073709551615,
  b'1', b'111111111', b'1111111111111111111111111111111111111111111111111111111111111111',
  -12345678901234567890123456789012345.123456789012345678901234567891,
  99999999999999999999999999999999999999999999999999999999999999999, 12.5,
  0.1, 1.7976931348623157e308,
  '0000-00-00', '-838:59:59', '0000-00-00 00:00:00', '1970-01-01 00:00:01', 0,
  'ab   ', 'é€', 'É', 'ß日', 'é😀', '😀"\\',
  x'0078ff', 'ab', x'',
  'a,b', 'z,x', '{"a": 1.50, "big": 12345678901234567890.10}', '[1]',
  POINT(0.1, -1e300), ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))'));
INSERT INTO kinds VALUES (2,
  0, 0, 32767, 0, 0, 0, 9223372036854775807, 9223372036854775808,
  b'0', b'0', b'0',
  0.000000000000000000000000000001, -99999999999999999999999999999999999999999999999999999999999999999, 0,
  -3.4e38, -2.2250738585072014e-308,
  '2024-00-00', '838:59:59', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.123', 2155,
  '', '', '', '', '', '',
  x'', x'00', x'00',
  '', '', '"text"', 'null', POINT(1,2), ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'));
INSERT INTO kinds (id, flag, clock, moment, e, s, doc) VALUES
  (3, 5, '120:00:00.5', '2026-01-31 13:05:00.25', 'it''s', 'x', '"it"'),
  (4, -1, '-00:00:00.000001', '2026-01-31', 'back\\slash', 'y', 'true');
"#;

#[tokio::test]
async fn every_type_is_read_to_the_last_digit() {
    let Some(database) = Database::new().await else {
        return;
    };
    database.run(MADE).await;
    let asker = Asker::new(&database.url(), "kinds").await;
    let one = asker.ask("get", "kinds", r#"{"id":1}"#).await.unwrap();
    assert_eq!(
        one,
        concat!(
            r#""data":{"id":1,"flag":true,"tiny":255,"small":-32768,"medium":16777215,"#,
            r#""whole":4294967295,"padded":7,"big":-9223372036854775808,"#,
            r#""ubig":18446744073709551615,"bit1":true,"bit9":511,"bit64":18446744073709551615,"#,
            r#""dec65":-12345678901234567890123456789012345.123456789012345678901234567891,"#,
            r#""dec0":99999999999999999999999999999999999999999999999999999999999999999,"#,
            r#""decz":12.50,"f":0.1,"d":1.7976931348623157e+308,"day":"0000-00-00","#,
            r#""clock":"-838:59:59","moment":"0000-00-00T00:00:00","#,
            r#""stamp":"1970-01-01T00:00:01Z","y":0,"c":"ab","latin":"é€","bin":"É","#,
            r#""three":"ß日","wide":"é😀","long_text":"😀\"\\","bytes":"AHj/","fixed":"YWIAAA==","#,
            r#""lump":"","e":"a,b","s":"x,z","#,
            r#""doc":{"a": 1.50, "big": 12345678901234567890.10},"checked":[1],"#,
            r#""point":{"type": "Point", "coordinates": [0.1, -1e300]},"#,
            r#""shape":{"type": "GeometryCollection", "geometries": "#,
            r#"[{"type": "Point", "coordinates": [1, 2]}, "#,
            r#"{"type": "LineString", "coordinates": [[0, 0], [1, 1]]}]}}"#,
        )
    );
    let two = asker.ask("get", "kinds", r#"{"id":2}"#).await.unwrap();
    assert_eq!(
        two,
        concat!(
            r#""data":{"id":2,"flag":false,"tiny":0,"small":32767,"medium":0,"whole":0,"padded":0,"#,
            r#""big":9223372036854775807,"ubig":9223372036854775808,"bit1":false,"bit9":0,"#,
            r#""bit64":0,"dec65":0.000000000000000000000000000001,"#,
            r#""dec0":-99999999999999999999999999999999999999999999999999999999999999999,"#,
            r#""decz":0.00,"f":-3.4e+38,"d":-2.2250738585072014e-308,"day":"2024-00-00","#,
            r#""clock":"838:59:59","moment":"9999-12-31T23:59:59.999999","#,
            r#""stamp":"2038-01-19T03:14:07.123Z","y":2155,"c":"","latin":"","bin":"","three":"","#,
            r#""wide":"","long_text":"","bytes":"","fixed":"AAAAAA==","lump":"AA==","e":"","s":"","#,
            r#""doc":"text","checked":null,"point":{"type": "Point", "coordinates": [1, 2]},"#,
            r#""shape":{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}}"#,
        )
    );
    let clocks = asker
        .field("kinds", "clock", r#"{"fields":["clock"]}"#)
        .await;
    assert_eq!(clocks[2..], [r#""120:00:00.5""#, r#""-00:00:00.000001""#]);
    let flags = asker.field("kinds", "flag", r#"{"fields":["flag"]}"#).await;
    assert_eq!(flags, ["true", "false", "5", "-1"]);
    let nulls = asker.rows("kinds", r#"{"filters":{"id":4}}"#).await;
    assert!(nulls[0]["shape"].is_null() && nulls[0]["dec65"].is_null());
}
