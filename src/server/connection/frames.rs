//! Text frames, written past the library's buffer: it would copy each answer once more, and keep
//! the room of the largest one for as long as its socket is open.

use std::io::{self, IoSlice};

use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// The first byte of a text message in one frame.
const TEXT: u8 = 0x81;
/// The first byte of a ping.
const PING: u8 = 0x89;
/// The longest head of a frame: two bytes, and eight for a length.
const LONGEST: usize = 10;

/// Writes texts, each as one frame of a server; nothing may wait in the library's own buffer.
///
/// # Errors
/// Those of the stream.
pub(crate) async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    texts: &[impl AsRef<[u8]>],
) -> io::Result<()> {
    let heads: Vec<Head> = texts
        .iter()
        .map(|text| Head::of(text.as_ref().len()))
        .collect();
    let mut parts: Vec<IoSlice<'_>> = heads
        .iter()
        .zip(texts)
        .flat_map(|(head, text)| [IoSlice::new(head.bytes()), IoSlice::new(text.as_ref())])
        .collect();
    let mut parts = &mut parts[..];
    // Skips parts that are empty from the start.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match stream.write_vectored(parts).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => IoSlice::advance_slices(&mut parts, written),
        }
    }
    stream.flush().await
}

/// Writes an empty ping.
///
/// # Errors
/// Those of the stream.
pub(crate) async fn ping(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    stream.write_all(&[PING, 0]).await?;
    stream.flush().await
}

/// The head of a frame.
struct Head {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Head {
    fn of(length: usize) -> Self {
        let mut bytes = [0; LONGEST];
        bytes[0] = TEXT;
        let size = match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..=125), _) => {
                bytes[1] = short;
                2
            }
            (_, Ok(middle)) => {
                bytes[1] = 126;
                bytes[2..4].copy_from_slice(&middle.to_be_bytes());
                4
            }
            _ => {
                bytes[1] = 127;
                bytes[2..].copy_from_slice(&(length as u64).to_be_bytes());
                LONGEST
            }
        };
        Self {
            bytes,
            length: size,
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use futures_util::StreamExt as _;

    use super::write;

    #[tokio::test]
    async fn a_client_reads_each_length_as_it_was_written() {
        let texts: Vec<Vec<u8>> = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]
            .map(|length| vec![b'x'; length])
            .into();
        // A pipe that takes little at once.
        let (mut ours, theirs) = tokio::io::duplex(1_000);
        let sent = texts.clone();
        let writing = tokio::spawn(async move { write(&mut ours, &sent).await });
        let mut client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
        for text in &texts {
            let Message::Text(read) = client.next().await.unwrap().unwrap() else {
                panic!("a text");
            };
            assert_eq!(read.as_bytes(), &text[..]);
        }
        writing.await.unwrap().unwrap();
    }
}
